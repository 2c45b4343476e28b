"""/docs.json and /schema.json: they tell the whole truth, and real answers agree with them."""

from typing import Any

import httpx
import pytest
import yaml

from service.bento import OpenAPIDocument
from service.refusals import STATUS
from service.routes import PROTOCOL_ROUTES, ROUTES
from service.schemas import (
    ClassifyAnswer,
    EncodeAnswer,
    ErrorAnswer,
    GenerateAnswer,
    ModelsAnswer,
    ReconstructAnswer,
)
from tests.http.pictures import parts, picture

COMPUTING = [path for path, route in ROUTES.items() if route.computes]


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    return client.get("/docs.json").json()


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


def test_every_route_is_told(document: dict[str, Any]):
    assert document["openapi"] == "3.1.0"
    assert document["paths"].keys() == ROUTES.keys() | PROTOCOL_ROUTES.keys()


def test_every_reference_leads_somewhere(document: dict[str, Any]):
    found = references(document)
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


@pytest.mark.parametrize("path", ["/classify", "/encode", "/reconstruct"])
def test_all_bodies_that_a_picture_route_takes_are_told(document: dict[str, Any], path: str):
    content = document["paths"][path]["post"]["requestBody"]["content"]
    assert content.keys() == {
        "multipart/form-data",
        "application/json",
        "image/*",
        "application/octet-stream",
    }


@pytest.mark.parametrize("path", ["/reconstruct", "/generate"])
def test_png_answers_are_told(document: dict[str, Any], path: str):
    content = document["paths"][path]["post"]["responses"]["200"]["content"]
    assert content.keys() == {"application/json", "image/png"}


@pytest.mark.parametrize("path", COMPUTING)
def test_every_status_is_told_with_the_one_error_body(document: dict[str, Any], path: str):
    responses = document["paths"][path]["post"]["responses"]
    possible = {str(int(status)) for status in STATUS.values()} - {"405"}
    if path == "/generate":
        possible -= {"422"}
    assert responses.keys() == {"200"} | possible
    for status in possible:
        schema = responses[status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}


def test_the_query_takes_every_option_but_latents(document: dict[str, Any]):
    named = {one["name"] for one in document["paths"]["/generate"]["post"]["parameters"]}
    assert named == {"model", "count", "label", "seed", "temperature", "columns"}


def test_real_answers_agree_with_their_schemas(client: httpx.Client):
    files = parts(picture(), picture((40, 40), "RGB"))
    ClassifyAnswer.model_validate_json(
        client.post("/classify?explain=true", files=files).content, strict=True
    )
    EncodeAnswer.model_validate_json(client.post("/encode", files=files).content, strict=True)
    ReconstructAnswer.model_validate_json(client.post("/reconstruct", files=files).content, strict=True)
    GenerateAnswer.model_validate_json(client.post("/generate").content, strict=True)
    ModelsAnswer.model_validate_json(client.get("/models").content, strict=True)
    ErrorAnswer.model_validate_json(client.get("/nothing").content, strict=True)


def test_the_document_survives_the_dump_that_bentoml_writes_into_a_bento(document: dict[str, Any]):
    assert yaml.safe_load(yaml.dump(OpenAPIDocument(document))) == document


def test_schema_json_tells_the_sdk_which_field_holds_files(client: httpx.Client):
    routes = {route["name"]: route for route in client.get("/schema.json").json()["routes"]}
    assert routes.keys() == {"classify", "encode", "reconstruct", "generate"}
    images = routes["classify"]["input"]["properties"]["images"]
    assert images["type"] == "array"
    assert images["items"]["type"] == "file"
    assert next(iter(routes["classify"]["input"]["properties"])) == "images"
    assert routes["generate"]["output"]["type"] == "object"
