"""Values of every type, good and odd, and how they are written."""

import base64
import json
from typing import Any, Final

from hypothesis import strategies as st

Strategy = st.SearchStrategy

JSON: Final = ("Content-Type", "application/json")

valid_values = st.sampled_from(
    ["stable", "candidate", "auto", "none", "photograph", True, False, 1, 4, 7.0, 0.5, "Sneaker", "Bag", None]
)
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([2**31, 2**53, 2**63, 10**400, 1e308, -0.0]))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=30), valid_values),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


def base64_text(data: bytes) -> str:
    """As pictures go into JSON."""
    return base64.b64encode(data).decode()


def to_json(value: Any) -> bytes:
    """What Python takes for JSON: NaN and lone surrogates included."""
    return json.dumps(value, skipkeys=True, default=str).encode("utf-8", "surrogatepass")
