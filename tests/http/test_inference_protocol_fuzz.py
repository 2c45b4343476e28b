"""Requests that nobody would write: whatever comes under /v2 is answered or refused, and never fails."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.inference_protocol.models import PROTOCOL_MODELS
from tests.http.tensors import HEADER_LENGTH, images, path, tensor

NUMBERS = st.one_of(
    st.integers(-2, 300),
    st.sampled_from([2**31, 2**63, -(2**64), 10**30]),
    st.floats(allow_nan=False, allow_infinity=False),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
PARAMETERS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "binary_data_size": st.one_of(st.integers(0, 1000), JSON),
            "binary_data": st.one_of(st.booleans(), JSON),
            "binary_data_output": st.one_of(st.booleans(), JSON),
            "prepare": st.one_of(st.sampled_from(["auto", "photograph", "none"]), JSON),
            "shared_memory_region": st.text(max_size=3),
        },
    ),
    JSON,
)
SHAPES = st.one_of(
    st.sampled_from([[1, 28, 28], [2, 28, 28], [1, 4], [3, 4], [1], [2]]), st.lists(NUMBERS, max_size=4), JSON
)
DATA = st.one_of(
    st.sampled_from(
        [images(1).tolist(), images(2).ravel().tolist(), [0.0] * 4, [[1, 2, 3, 4]] * 3, ["QUJD"]]
    ),
    JSON,
)
INPUTS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(st.sampled_from(["images", "latents"]), JSON),
        "datatype": st.one_of(st.sampled_from(["UINT8", "FP32", "BYTES", "INT64"]), JSON),
        "shape": SHAPES,
        "data": DATA,
        "parameters": PARAMETERS,
    },
)
OUTPUTS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["label", "mean", "images", "logits"])},
            optional={"parameters": PARAMETERS},
        ),
        JSON,
    ),
    max_size=3,
)
REQUESTS = st.one_of(
    st.fixed_dictionaries(
        {"inputs": st.one_of(st.lists(INPUTS, max_size=2), JSON)},
        optional={"id": JSON, "parameters": PARAMETERS, "outputs": st.one_of(OUTPUTS, JSON)},
    ),
    JSON,
)
FEW = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)


def assert_answered_or_refused(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    if response.status_code == 200:
        assert response.headers["content-type"] in ("application/json", "application/octet-stream")
    else:
        assert response.json().keys() == {"error"}
        assert response.json()["error"]


@FEW
@given(model=st.sampled_from(sorted(PROTOCOL_MODELS)), request=REQUESTS, tail=st.binary(max_size=40))
def test_any_request_is_answered_or_refused(client: httpx.Client, model: str, request: Any, tail: bytes):
    header = json.dumps(request).encode()
    headers = {HEADER_LENGTH: str(len(header))} if tail else {}
    assert_answered_or_refused(client.post(path(model), content=header + tail, headers=headers))


@FEW
@given(
    cut=st.integers(0, 3000), length=st.integers(-10, 3000), flipped=st.lists(st.integers(0, 899), max_size=5)
)
def test_a_damaged_binary_request_is_answered_or_refused(
    client: httpx.Client, cut: int, length: int, flipped: list[int]
):
    image = images(1)
    head = tensor(image, parameters={"binary_data_size": image.nbytes}, data=None)
    body = np.frombuffer(json.dumps({"inputs": [head]}).encode() + image.tobytes(), np.uint8).copy()
    body[[place % len(body) for place in flipped]] ^= 0x15
    told = {HEADER_LENGTH: str(length)}
    damaged = body.tobytes()[: len(body) - cut % 50]
    assert_answered_or_refused(client.post(path("fashion-classifier"), content=damaged, headers=told))


@FEW
@given(name=st.text(min_size=1, max_size=20), version=st.text(min_size=1, max_size=20))
def test_any_name_and_version_is_answered_or_refused(client: httpx.Client, name: str, version: str):
    for where in (f"/v2/models/{_quoted(name)}", f"/v2/models/fashion-vae/versions/{_quoted(version)}/ready"):
        assert_answered_or_refused(client.get(where))


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")
