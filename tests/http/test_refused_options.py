"""Options that are wrong: each is named, with what was expected and what came."""

import json
from typing import Any

import httpx
import pytest

from tests.http.pictures import assert_refused, base64_of, parts, picture

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": -1}, "count"),
        ({"count": 1025}, "count"),
        ({"count": "3"}, "count"),
        ({"count": 1.5}, "count"),
        ({"count": True}, "count"),
        ({"count": None}, "count"),
        ({"count": [1]}, "count"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53}, "seed"),
        ({"seed": "x"}, "seed"),
        ({"seed": 1e300}, "seed"),
        ({"label": "Boot"}, "label"),
        ({"label": 10}, "label"),
        ({"label": -1}, "label"),
        ({"label": True}, "label"),
        ({"label": ["Bag"]}, "label"),
        ({"label": "a" * 10_000}, "label"),
        ({"label": "\ud800"}, "label"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"columns": 0}, "columns"),
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"model": "x" * 201}, "model"),
        ({"images": ["AAAA"]}, "images"),
        ({"unknown": 1}, "unknown"),
        ({"latents": []}, "latents"),
        ({"latents": 1}, "latents"),
        ({"latents": [[]]}, "latents[0]"),
        ({"latents": [[0] * 4, [0] * 5]}, "latents[1]"),
        ({"latents": [[0, 0, 0, "0"]]}, "latents[0][3]"),
        ({"latents": [[1e300, 0, 0, 0]]}, "latents"),
        ({"latents": [{"mean": [0] * 3}]}, "latents[0]"),
        ({"latents": [{"log_variance": [0] * 4}]}, "latents[0]"),
        ({"latents": [{"mean": [0] * 4, "x": 1}]}, "latents[0]"),
        ({"latents": [None]}, "latents[0]"),
        ({"latents": [[0] * 4], "count": 1}, None),
        ({"latents": [[0] * 4], "seed": 1}, None),
        ({"latents": [[0] * 4] * 1025}, "latents"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_option_is_named(client: httpx.Client, body: dict, field: str | None):
    response = client.post("/generate", content=json.dumps(body), headers=JSON)
    error = assert_refused(response, 400, "invalid_request", field)
    assert len(error["message"]) < 400


@pytest.mark.parametrize(
    "body", ['{"temperature": NaN}', '{"temperature": 1e999}', '{"latents": [[1e999, 0, 0, 0]]}']
)
def test_numbers_that_json_has_not_are_invalid(client: httpx.Client, body: str):
    response = client.post("/generate", content=body, headers=JSON)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] == "invalid_request"


def test_an_option_given_twice_is_invalid(client: httpx.Client):
    files: list[Any] = [*parts(picture()), ("prepare", (None, "auto")), ("prepare", (None, "auto"))]
    asked = [
        client.post("/classify", files=files),
        client.post("/classify?prepare=auto&prepare=auto", files=parts(picture())),
        client.post("/classify?prepare=auto", files=parts(picture()), data={"prepare": "auto"}),
        client.post("/classify?prepare=auto", json={"images": [base64_of(picture())], "prepare": "auto"}),
    ]
    for response in asked:
        assert_refused(response, 400, "invalid_request", "prepare")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("explain=1", "explain"),
        ("explain=yes", "explain"),
        ("prepare=x", "prepare"),
        ("x=1", "x"),
        ("images=x", "images"),
    ],
)
def test_a_wrong_option_in_the_query_is_named(client: httpx.Client, query: str, field: str):
    assert_refused(client.post(f"/classify?{query}", files=parts(picture())), 400, "invalid_request", field)


def test_a_malformed_query_is_invalid(client: httpx.Client):
    for query in ("&".join(f"a{index}=1" for index in range(100)), "model=%ff"):
        assert client.post(f"/classify?{query}", files=parts(picture())).status_code == 400


@pytest.mark.parametrize(
    "model",
    [
        "nothing",
        "candidate",
        "fashion-classifier:v9",
        "fashion-classifier:latest",
        "fashion-classifier:v",
        "a:b:c",
        "../../etc",
        "\u00e9",
        "latest",
    ],
)
def test_an_unknown_model_is_told_so(client: httpx.Client, model: str):
    response = client.post("/classify", files=parts(picture()), data={"model": model})
    assert_refused(response, 404, "unknown_model", "model")


def test_a_model_of_the_wrong_kind_is_invalid(client: httpx.Client):
    response = client.post("/classify?model=fashion-vae", files=parts(picture()))
    assert_refused(response, 400, "invalid_request", "model")
    assert_refused(client.post("/generate?model=fashion-classifier:v2"), 400, "invalid_request", "model")
