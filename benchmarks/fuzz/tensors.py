"""Requests of the Open Inference Protocol: hypothesis' strategies of good tensors, and of odd ones."""

import math
from random import Random
from typing import Final

from hypothesis import strategies as st

from benchmarks.fuzz.pictures import Change, apply, changed, changes, pictures
from benchmarks.fuzz.target import Request
from benchmarks.fuzz.values import JSON, Strategy, base64_text, to_json, values

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
_INFER: Final = tuple(
    f"/v2/models/{name}/infer"
    for name in (
        "fashion-classifier",
        "fashion-classifier-pictures",
        "fashion-vae",
        "fashion-vae-decoder",
        "x",
    )
)
_BYTES: Final = ("Content-Type", "application/octet-stream")


def tensors() -> Strategy[Request]:
    """What clients of the Open Inference Protocol send, and might send: JSON, and bytes behind it."""
    return st.one_of(_good_tensors(), _odd_tensors())


def _good_tensors() -> Strategy[Request]:
    """Rows that a model takes, behind a header that is as it should be, or nearly."""
    models = st.sampled_from(
        [
            ("fashion-classifier", "images", [28, 28], "UINT8"),
            ("fashion-vae", "images", [28, 28], "UINT8"),
            ("fashion-vae-encoder", "images", [28, 28], "UINT8"),
            ("fashion-vae-decoder", "latents", [32], "FP32"),
        ]
    )
    return st.builds(
        _rows, models, st.integers(0, 3), st.randoms(use_true_random=False), changes | st.just([])
    )


def _rows(model: tuple[str, str, list[int], str], count: int, random: Random, spoil: list[Change]) -> Request:
    name, tensor, shape, datatype = model
    tail = random.randbytes(count * math.prod(shape) * (1 if datatype == "UINT8" else 4))
    sent = {
        "name": tensor,
        "datatype": datatype,
        "shape": [count, *shape],
        "parameters": {"binary_data_size": len(tail)},
    }
    header = apply(to_json({"inputs": [sent]}), spoil)
    length = (HEADER_LENGTH, str(len(header)))
    return Request("POST", f"/v2/models/{name}/infer", (_BYTES, length), header + tail)


def _odd_tensors() -> Strategy[Request]:
    kinds = st.sampled_from(["FP32", "UINT8", "BYTES", "FP64", "INT64", "BOOL", "x"])
    shapes = st.lists(st.integers(-1, 40) | st.sampled_from([28, 32, 2**31, 2**63]), max_size=4)
    pictures_in_base64 = pictures().map(base64_text)
    inputs = st.fixed_dictionaries(
        {"name": st.sampled_from(["images", "latents", "x"]), "datatype": kinds, "shape": shapes},
        optional={
            "data": values | pictures_in_base64 | st.lists(pictures_in_base64, max_size=2),
            "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "x"]), values, max_size=2),
        },
    )
    requests = st.fixed_dictionaries(
        {"inputs": st.lists(inputs, max_size=2) | values},
        optional={
            "id": values,
            "outputs": st.lists(values, max_size=2),
            "parameters": st.dictionaries(st.sampled_from(["binary_data_output", "prepare"]), values),
        },
    )
    return st.builds(
        _infer,
        st.sampled_from(_INFER),
        requests.map(to_json) | changed(requests.map(to_json)),
        st.binary(max_size=100),
        st.one_of(st.none(), st.just(0), st.integers(-5, 300)),
    )


def _infer(path: str, header: bytes, tail: bytes, off_by: int | None) -> Request:
    if off_by is None:
        return Request("POST", path, (JSON,), header)
    length = (HEADER_LENGTH, str(len(header) + off_by))
    return Request("POST", path, (_BYTES, length), header + tail)
