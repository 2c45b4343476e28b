"""What the OpenAPI document tells of /v2: its routes, messages and the protocol's own error body."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from service.access_document import CHALLENGE, gate_codes, who_may_ask
from service.inference_protocol.messages import (
    InferAnswer,
    InferRequest,
    ModelMetadata,
    ModelReady,
    ProtocolError,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from service.inference_protocol.models import PROTOCOL_MODELS
from service.refusals import STATUS, Code
from service.routes import ANY_BYTES, JSON, PROTOCOL_ROUTES, Route

Node = dict[str, Any]

PROTOCOL_MESSAGES: Final[tuple[type[BaseModel], ...]] = (
    InferAnswer,
    InferRequest,
    ModelMetadata,
    ModelReady,
    ProtocolError,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
# By the end of a route's path: what it answers, in which codes it refuses, and what it does.
_TOLD: Final[Mapping[str, tuple[type[BaseModel], tuple[Code, ...], str]]] = {
    "/v2": (ServerMetadata, ("unauthorized", "rate_limited"), "What the server is, and its extensions"),
    "/live": (ServerLive, (), "Whether the process answers"),
    "/health/ready": (ServerReady, ("not_ready",), "Whether every model has passed its probe"),
    "/ready": (
        ModelReady,
        ("unauthorized", "unknown_model", "overloaded", "rate_limited", "not_ready"),
        "Whether a model answers",
    ),
    "/infer": (
        InferAnswer,
        (
            "invalid_request",
            "unauthorized",
            "unknown_model",
            "request_timeout",
            "too_large",
            "unsupported_media_type",
            "invalid_image",
            "overloaded",
            "rate_limited",
            "internal",
            "not_ready",
            "timeout",
        ),
        "Run a model on tensors (Open Inference Protocol)",
    ),
    "}": (
        ModelMetadata,
        ("unauthorized", "unknown_model", "overloaded", "rate_limited", "not_ready"),
        "The tensors that a model takes and gives",
    ),
}
_HEADER_LENGTH: Final[Node] = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "description": "How many bytes of the body are JSON, where binary tensors lie behind it.",
    "schema": {"type": "integer", "minimum": 0},
}
_PATH_PARAMETERS: Final[Mapping[str, Node]] = {
    "name": {"schema": {"type": "string"}, "examples": {name: {"value": name} for name in PROTOCOL_MODELS}},
    "version": {"schema": {"type": "string"}, "description": "A version, or `stable` or `candidate`."},
}


def protocol_paths(reference: str, common_headers: Node, retry_after: Node) -> Node:
    """The document's paths under /v2; `reference` is how a schema is named in it, by `{model}`."""
    return {
        path: _path(route, reference, common_headers, retry_after) for path, route in PROTOCOL_ROUTES.items()
    }


def _path(route: Route, reference: str, common_headers: Node, retry_after: Node) -> Node:
    answer, codes, summary = next(told for end, told in _TOLD.items() if route.path.endswith(end))
    schema = {"$ref": reference.format(model=answer.__name__)}
    tensors = {ANY_BYTES: {"schema": {"type": "string", "contentMediaType": ANY_BYTES}}}
    operation: Node = {
        "security": who_may_ask(route),
        "operationId": route.path.strip("/").translate(str.maketrans("/", "_", "{}")),
        "summary": summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, **told}
            for name, told in _PATH_PARAMETERS.items()
            if f"{{{name}}}" in route.path
        ],
        "responses": {
            "200": {
                "description": "The answer",
                "headers": common_headers,
                "content": {JSON: {"schema": schema}} | (tensors if route.takes_tensors else {}),
            },
            **_errors((*codes, *gate_codes(route)), reference, common_headers, retry_after),
        },
    }
    if not route.takes_tensors:
        return {"get": operation}
    operation["parameters"].append(_HEADER_LENGTH)
    asked = {"schema": {"$ref": reference.format(model=InferRequest.__name__)}}
    operation["requestBody"] = {"required": True, "content": {JSON: asked, **tensors}}
    return {"post": operation}


def _errors(codes: Iterable[Code], reference: str, common_headers: Node, retry_after: Node) -> Node:
    retried = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    schema = {"$ref": reference.format(model=ProtocolError.__name__)}
    return {
        str(status.value): {
            "description": status.phrase,
            "headers": common_headers
            | (retry_after if status in retried else {})
            | (CHALLENGE if status == HTTPStatus.UNAUTHORIZED else {}),
            "content": {JSON: {"schema": schema}},
        }
        for status in sorted({STATUS[code] for code in codes})
    }
