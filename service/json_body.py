"""A JSON body, read strictly: UTF-8, an object, no key twice, no NaN or infinity, and not nested without
end."""

import json
from typing import Any

from service.refusals import Refusal, echo, invalid_request


def parse_json(body: bytes) -> dict[str, Any]:
    """The object that `body` holds; refused where it is anything else."""
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError:
        raise invalid_request("The body must be JSON in UTF-8") from None
    except RecursionError:
        raise invalid_request("The body is nested too deeply") from None
    except ValueError as error:  # malformed, or a number of thousands of digits
        raise invalid_request(f"The body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise invalid_request(f"The body must be a JSON object, not {echo(value)}")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _key_given_twice(pairs)
    return made


def _key_given_twice(pairs: list[tuple[str, Any]]) -> Refusal:
    seen: set[str] = set()
    twice = ""
    for name, _ in pairs:
        if name in seen:
            twice = name
            break
        seen.add(name)
    return invalid_request(f"The key {echo(twice)} is given twice", field=twice[:80])


def _no_constant(name: str) -> Any:
    raise invalid_request(f"{name} is no number in JSON (RFC 8259)")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
