"""The OpenAPI document: every route, every body that it takes, every answer that it gives, every status.

BentoML's own would list the multipart form alone, and error bodies that are not ours. Everything here is
derived from the schemas, the routes and the error table.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.access_document import CHALLENGE, SCHEMES, gate_codes, who_may_ask
from service.inference_protocol.document import PROTOCOL_MESSAGES, protocol_paths
from service.refusals import STATUS, Code
from service.routes import ANY_BYTES, JSON, MULTIPART, PNG, ROUTES, Route
from service.schemas import (
    ClassifyAnswer,
    ClassifyOptions,
    EncodeAnswer,
    ErrorAnswer,
    GenerateAnswer,
    GenerateOptions,
    ModelsAnswer,
    Options,
    PictureOptions,
    ReconstructAnswer,
)
from service.settings import settings

Node = dict[str, Any]

VERSION: Final = "1.0.0"  # of the interface, not of the models behind it
_REFERENCE: Final = "#/components/schemas/{model}"

# Each route that computes: its options, its answer, and what it does.
_COMPUTING: Final[Mapping[str, tuple[type[Options], type[BaseModel], str]]] = {
    "/classify": (ClassifyOptions, ClassifyAnswer, "Tell what each picture shows, and how sure that is"),
    "/encode": (PictureOptions, EncodeAnswer, "Tell where each picture lies in latent space"),
    "/reconstruct": (PictureOptions, ReconstructAnswer, "Encode each picture and decode it again"),
    "/generate": (GenerateOptions, GenerateAnswer, "Draw new pictures, or decode given latents"),
}
_READING: Final[Mapping[str, tuple[str, str]]] = {
    "/models": ("What is served, under which alias", JSON),
    "/livez": ("Whether the process answers", "text/plain"),
    "/healthz": ("The same", "text/plain"),
    "/readyz": ("Whether every model has passed its probe", "text/plain"),
    "/metrics": ("Prometheus metrics", "text/plain"),
    "/docs.json": ("This document", JSON),
    "/schema.json": ("What BentoML's client needs to know", JSON),
    "/": ("This document as a page", "text/html"),
}
_PICTURE_CODES: Final[tuple[Code, ...]] = (
    "invalid_request",
    "unknown_model",
    "not_acceptable",
    "request_timeout",
    "too_large",
    "unsupported_media_type",
    "invalid_image",
    "overloaded",
    "internal",
    "not_ready",
    "timeout",
)
_REQUEST_ID: Final[Node] = {
    "X-Request-ID": {
        "description": "The client's own if well-formed, else new.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    }
}

_RETRIED: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_RETRY_AFTER: Final[Node] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}


@cache
def openapi_document() -> Node:
    """The whole document, as /docs.json gives it."""
    models: list[type[BaseModel]] = [
        ErrorAnswer,
        ModelsAnswer,
        *PROTOCOL_MESSAGES,
        *(part for row in _COMPUTING.values() for part in row[:2]),
    ]
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
    definitions = schemas["$defs"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fashion service",
            "version": VERSION,
            "description": "Classify, encode, reconstruct and generate fashion pictures.",
        },
        "servers": [{"url": "."}],
        "paths": {path: _path(ROUTES[path], definitions) for path in ROUTES}
        | protocol_paths(_REFERENCE, _REQUEST_ID, _RETRY_AFTER),
        "components": {"schemas": definitions, "securitySchemes": dict(SCHEMES)},
    }


def _path(route: Route, definitions: Node) -> Node:
    return {"post": _computing(route, definitions)} if route.computes else {"get": _reading(route)}


def _reading(route: Route) -> Node:
    summary, media_type = _READING[route.path]
    answer = _reference(ModelsAnswer) if route.path == "/models" else {}
    codes = gate_codes(route)
    if route.tells_readiness:
        codes += ("not_ready",)
    return {
        "security": who_may_ask(route),
        "operationId": route.path.strip("/").replace(".json", "") or "page",
        "summary": summary,
        "responses": _responses({media_type: {"schema": answer}}, codes),
    }


def _computing(route: Route, definitions: Node) -> Node:
    options, answer, summary = _COMPUTING[route.path]
    content: Node = {JSON: {"schema": _reference(answer)}}
    if route.gives_sheets:
        content[PNG] = {"schema": {"type": "string", "contentMediaType": PNG}}
    codes = [code for code in _PICTURE_CODES if route.takes_pictures or code != "invalid_image"]
    codes += gate_codes(route)
    properties = definitions[options.__name__]["properties"]
    body = _picture_bodies(properties) if route.takes_pictures else {JSON: {"schema": _reference(options)}}
    return {
        "security": who_may_ask(route),
        "operationId": route.path.strip("/"),
        "summary": summary,
        "parameters": [
            {"name": name, "in": "query", "description": schema.get("description", ""), "schema": schema}
            for name, schema in properties.items()
            if name != "latents"
        ],
        "requestBody": {"required": route.takes_pictures, "content": body},
        "responses": _responses(content, codes),
    }


def _picture_bodies(options: Node) -> Node:
    picture = {"type": "string", "contentMediaType": "image/*"}
    encoded = {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"}
    raw = {"schema": picture}
    return {
        MULTIPART: {"schema": _with_images(picture, options)},
        JSON: {"schema": _with_images(encoded, options)},
        "image/*": raw,
        ANY_BYTES: raw,
    }


def _with_images(picture: Node, options: Node) -> Node:
    images = {"type": "array", "items": picture, "minItems": 1, "maxItems": settings().max_pictures}
    return {
        "type": "object",
        "properties": {"images": images, **options},
        "required": ["images"],
        "additionalProperties": False,
    }


def _responses(content: Node, codes: Iterable[Code]) -> Node:
    """The answer, and the one error body under every status that the codes have."""
    meanings: dict[HTTPStatus, list[str]] = {}
    for code in codes:
        meanings.setdefault(STATUS[code], []).append(f"`{code}`")
    errors = {
        str(status.value): {
            "description": ", ".join(names),
            "headers": _error_headers(status),
            "content": {JSON: {"schema": _reference(ErrorAnswer)}},
        }
        for status, names in sorted(meanings.items())
    }
    return {"200": {"description": "The answer", "headers": _REQUEST_ID, "content": content}, **errors}


def _error_headers(status: HTTPStatus) -> Node:
    if status == HTTPStatus.UNAUTHORIZED:
        return _REQUEST_ID | CHALLENGE
    return _REQUEST_ID | (_RETRY_AFTER if status in _RETRIED else {})


def _reference(model: type[BaseModel]) -> Node:
    return {"$ref": _REFERENCE.format(model=model.__name__)}
