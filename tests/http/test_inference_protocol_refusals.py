"""What is refused under /v2: always with 4xx and the protocol's own error body."""

import json
from typing import Any

import httpx
import numpy as np
import pytest

from tests.http.tensors import (
    CLASSIFIER,
    HEADER_LENGTH,
    assert_refused,
    byte_strings,
    images,
    infer,
    infer_binary,
    path,
    tensor,
)

ONE = images(1)
DECODER = "fashion-vae-decoder"
PICTURES = f"{CLASSIFIER}-pictures"


@pytest.mark.parametrize(
    "unknown",
    [
        "/v2/models/nobody",
        "/v2/models/nobody/ready",
        "/v2/models/fashion-classifier/versions/v9",
        "/v2/models/fashion-classifier/versions/..%2F..%2Fetc",
        "/v2/models/fashion-classifier/versions/a:b/ready",
        "/v2/models/fashion-classifier/versions/0./ready",
        "/v2/models/fashion-classifier/versions/latest",
        "/v2/models/fashion-classifier/versions",
        "/v2/models/fashion-classifier/config",
        "/v2/models/",
        "/v2/models",
        "/v2/",
        "/v2/repository/index",
        "/v2/systemsharedmemory/status",
    ],
)
def test_what_there_is_not_is_not_found(client: httpx.Client, unknown: str):
    assert_refused(client.get(unknown), 404)


def test_an_unknown_model_is_told_which_there_are(client: httpx.Client):
    assert_refused(infer(client, "nobody", tensor(ONE)), 404, '"nobody"', "fashion-vae-decoder")


def test_a_wrong_method_is_told_the_right_one(client: httpx.Client):
    refused = client.get(path(CLASSIFIER))
    assert_refused(refused, 405)
    assert refused.headers["allow"] == "POST"
    assert_refused(client.post("/v2/health/ready"), 405)


def test_other_media_types_and_compressed_bodies_are_refused(client: httpx.Client):
    body = json.dumps({"inputs": [tensor(ONE)]})
    assert_refused(client.post(path(CLASSIFIER), content=body, headers={"Content-Type": "text/plain"}), 415)
    gzip = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert_refused(client.post(path(CLASSIFIER), content=body, headers=gzip), 415)


@pytest.mark.parametrize(
    "shape",
    [
        [],
        [28, 28],
        [784],
        [1, 784],
        [1, 28, 28, 1],
        [1, 28, 27],
        [0, 28, 28],
        [-1, 28, 28],
        [-1, -28, -28],
        [2, 28, 28],
        [1, 2**63, 28],
        [2**64, 2**64, 2**64],
        [10**300, 28, 28],
        [1.0, 28, 28],
        ["1", 28, 28],
        [True, 28, 28],
        [None, 28, 28],
        [[1], 28, 28],
        [1] * 100_000,
        "1,28,28",
        None,
        {},
    ],
    ids=lambda shape: str(shape)[:20],
)
def test_a_shape_that_is_not_the_models_or_not_the_datas_is_refused(client: httpx.Client, shape: Any):
    refused = infer(client, CLASSIFIER, tensor(ONE, shape=shape))
    assert refused.status_code in (400, 413), refused.text
    assert_refused(refused, refused.status_code)
    size: dict[str, Any] = {"parameters": {"binary_data_size": ONE.nbytes}, "data": None}
    in_bytes = infer_binary(client, CLASSIFIER, {"inputs": [tensor(ONE, shape=shape, **size)]}, ONE.tobytes())
    assert_refused(in_bytes, refused.status_code)


@pytest.mark.parametrize(
    "data",
    [
        [],
        [1],
        [0] * 783,
        [0] * 785,
        [[0] * 28] * 28,
        [[[0] * 28] * 27 + [[0] * 27]],
        [[[0] * 28] * 27 + [0]],
        [[[[0]] * 28] * 28],
        [[]],
        ["0"] * 784,
        [None] * 784,
        [True] * 784,
        [0.5] * 784,
        [0.0] * 784,
        [256] + [0] * 783,
        [-1] + [0] * 783,
        [10**400] + [0] * 783,
        [1e999] + [0] * 783,
        [{}] * 784,
        "AAAA",
        0,
        {},
        None,
    ],
    ids=lambda data: str(data)[:20],
)
def test_data_that_does_not_fill_the_shape_is_refused(client: httpx.Client, data: Any):
    body = json.dumps({"inputs": [tensor(ONE, data=data)]}).replace("Infinity", "1e999")
    assert_refused(client.post(path(CLASSIFIER), content=body), 400)


@pytest.mark.parametrize("datatype", ["FP32", "uint8", "INT8", "BYTES", "", "UINT8 ", "x" * 10_000, 8, None])
def test_another_datatype_is_refused(client: httpx.Client, datatype: Any):
    assert_refused(infer(client, CLASSIFIER, tensor(ONE, datatype=datatype)), 400, "datatype")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_latents_that_are_not_finite_are_refused_in_binary(client: httpx.Client, value: float):
    latents = np.full((1, 4), value, np.float32)
    head = {
        "name": "latents",
        "datatype": "FP32",
        "shape": [1, 4],
        "parameters": {"binary_data_size": latents.nbytes},
    }
    assert_refused(infer_binary(client, DECODER, {"inputs": [head]}, latents.tobytes()), 400, "finite")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e39", "1" * 400, "1" * 5000])
def test_latents_that_are_not_finite_are_refused_in_json(client: httpx.Client, number: str):
    body = json.dumps({"inputs": [tensor(np.zeros((1, 4)), "latents", "FP32", data=[0, 0, 0, "?"])]})
    body = body.replace('"?"', number)
    assert_refused(client.post(path(DECODER), content=body), 400)


@pytest.mark.parametrize("length", [0, 1, 10**6, 10**30, "-1", "x", "1.0", "", "0x10", "٣", " 5"])
def test_a_header_length_that_is_not_the_jsons_is_refused(client: httpx.Client, length: int | str):
    head = tensor(ONE, parameters={"binary_data_size": ONE.nbytes}, data=None)
    header = json.dumps({"inputs": [head]}).encode()
    told = {HEADER_LENGTH.encode(): str(length).encode()}
    assert_refused(client.post(path(CLASSIFIER), content=header + ONE.tobytes(), headers=told), 400)


@pytest.mark.parametrize("size", [0, 1, 783, 785, 10**30, -1, "784", 784.0, True, None])
def test_a_binary_size_that_is_not_the_tensors_is_refused(client: httpx.Client, size: Any):
    head = tensor(ONE, parameters={"binary_data_size": size}, data=None)
    assert_refused(infer_binary(client, CLASSIFIER, {"inputs": [head]}, ONE.tobytes()), 400)
    if isinstance(size, int) and 0 <= size < 10_000 and size is not True:
        assert_refused(infer_binary(client, CLASSIFIER, {"inputs": [head]}, bytes(size)), 400)


def test_bytes_behind_the_json_that_no_input_names_are_refused(client: httpx.Client):
    assert_refused(infer_binary(client, CLASSIFIER, {"inputs": [tensor(ONE)]}, b"x"), 400)


def test_data_and_binary_data_together_are_refused(client: httpx.Client):
    head = tensor(ONE, parameters={"binary_data_size": ONE.nbytes})
    assert_refused(infer_binary(client, CLASSIFIER, {"inputs": [head]}, ONE.tobytes()), 400, "either")


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"\x00",
        b"\x00\x00\x00",
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xffx",
        b"\x05\x00\x00\x00abcd",
        b"\x01\x00\x00\x00ab",
        byte_strings([b"a", b"b"]),
        byte_strings([]) + b"\x00" * 3,
    ],
)
def test_elements_that_do_not_fill_their_bytes_are_refused(client: httpx.Client, tail: bytes):
    head = {
        "name": "images",
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"binary_data_size": len(tail)},
    }
    assert_refused(infer_binary(client, PICTURES, {"inputs": [head]}, tail), 400)


@pytest.mark.parametrize(("data", "status"), [(["AAAA"], 422), (["http://127.0.0.1/x.png"], 400), ([7], 400)])
def test_what_is_no_picture_is_refused(client: httpx.Client, data: list, status: int):
    refused = infer(client, PICTURES, {"name": "images", "datatype": "BYTES", "shape": [1], "data": data})
    assert_refused(refused, status)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{",
        "{}",
        '{"inputs": []}',
        '{"inputs": null}',
        '{"inputs": [1]}',
        '{"inputs": [{}]}',
        '{"inputs": [{"name": "images"}]}',
        '{"inputs": [], "inputs": []}',
        "[" * 100_000,
        '{"inputs": ' * 50_000,
        '{"inputs": [{"name": "images", "shape": ' + "[" * 50_000,
        '{"a": NaN}',
    ],
    ids=lambda body: body[:20],
)
def test_a_body_that_is_no_request_is_refused(client: httpx.Client, body: str):
    assert_refused(client.post(path(CLASSIFIER), content=body), 400)


@pytest.mark.parametrize(
    "request_",
    [
        {"id": 7},
        {"id": "x" * 201},
        {"id": "x" * 10_000},
        {"parameters": []},
        {"parameters": {"binary_data_output": 1}},
        {"parameters": {"prepare": "nicely"}},
        {"outputs": {}},
        {"outputs": ["label"]},
        {"outputs": [{"name": "nothing"}]},
        {"outputs": [{"name": "label"}, {"name": "label"}]},
        {"outputs": [{"name": "label"}] * 1000},
        {"outputs": [{"name": "label", "parameters": {"binary_data": "yes"}}]},
        {"outputs": [{"name": "label", "parameters": {"classification": 3}}]},
        {"outputs": [{"name": "label", "parameters": {"shared_memory_region": "x"}}]},
    ],
    ids=lambda request_: str(request_)[:50],
)
def test_a_wish_that_cannot_be_met_is_refused(client: httpx.Client, request_: dict):
    assert_refused(infer(client, CLASSIFIER, tensor(ONE), **request_), 400)


def test_inputs_that_the_model_does_not_take_are_refused(client: httpx.Client):
    one = tensor(ONE)
    assert_refused(infer(client, CLASSIFIER, tensor(ONE, name="pixels")), 400, "images", "pixels")
    assert_refused(infer(client, CLASSIFIER, one, one), 400, "images")
    assert_refused(infer(client, CLASSIFIER, one, tensor(ONE, name="more")), 400, "more")
    shared = tensor(ONE, parameters={"shared_memory_region": "x"}, data=None)
    assert_refused(infer(client, CLASSIFIER, shared), 400, "shared_memory_region")


def test_more_rows_than_elsewhere_are_too_many(client: httpx.Client):
    many = images(257)
    head = tensor(many, parameters={"binary_data_size": many.nbytes}, data=None)
    assert_refused(infer_binary(client, CLASSIFIER, {"inputs": [head]}, many.tobytes()), 413, "256")
    latents = np.zeros((1025, 4), np.float32)
    assert_refused(infer(client, DECODER, tensor(latents, "latents", "FP32")), 413, "1024")


def test_a_bad_request_leaves_the_next_one_alone(client: httpx.Client):
    before = infer(client, CLASSIFIER, tensor(ONE)).content
    infer(client, CLASSIFIER, tensor(ONE, data=[]))
    assert infer(client, CLASSIFIER, tensor(ONE)).content == before
