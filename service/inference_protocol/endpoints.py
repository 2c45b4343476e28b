"""What answers under /v2: health, metadata and inference, each to its path.

Requests stand in the same queue, have the same deadline and leave the event loop by the same rule as those of
the endpoints beside them.
"""

import json
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final

import bentoml
from starlette.responses import Response

from fashion.errors import UnknownModel
from fashion.models import Model
from service.base64_text import from_base64
from service.catalogue import ALIASES, Catalogue
from service.exchange import SCOPE_KEY, Exchange, Receive, Scope, Send
from service.incoming import receive_whole
from service.inference_protocol.messages import InferRequest, RequestInput, read_infer_request
from service.inference_protocol.models import PROTOCOL_MODELS, Call, ProtocolModel, Tensors
from service.inference_protocol.tensors import Tensor, TensorType, in_bytes, in_json, json_list
from service.openapi import VERSION
from service.refusals import echo, invalid_request, not_ready
from service.routes import ANY_BYTES, JSON, find_protocol_model
from service.settings import Settings
from service.store import CLASSIFIER
from service.work import TooLargeForTheLoop, Work

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
# What one thread infers, roughly: like the figures of service/large_jobs.py, it decides about turns alone.
_ROWS_A_SECOND: Final = 3000


async def protocol_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of every route under /v2, by the service that this worker runs."""
    response = await bentoml.get_current_service().protocol.answer(scope[SCOPE_KEY], scope["path"], receive)
    await response(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Found:
    """A loaded version under one of the protocol's names."""

    name: str
    tag: str
    kind: ProtocolModel
    model: Model

    @property
    def version(self) -> str:
        return self.tag.partition(":")[2]


class InferenceProtocol:
    """Answers the protocol's requests from the catalogue's models."""

    def __init__(self, catalogue: Catalogue, work: Work, settings: Settings) -> None:
        self._catalogue = catalogue
        self._work = work
        self._settings = settings

    async def answer(self, exchange: Exchange, path: str, receive: Receive) -> Response:
        """The answer to one request; refusals are raised."""
        route = exchange.route.path
        if route.endswith("/infer"):
            return await self._infer(exchange, path, receive)
        if route.startswith("/v2/models/"):
            exchange.received(self._settings.answer_timeout_seconds)
            with exchange.held:  # a version that is not loaded yet is loaded
                found = await self._find(exchange, path)
            return _json(
                {"name": found.name, "ready": True} if route.endswith("/ready") else self._told(found)
            )
        if route == "/v2/health/ready":
            if not self._catalogue.ready:
                raise not_ready("The models are not loaded, or did not pass their probes: the log tells why")
            return _json({"live": True, "ready": True})
        if route == "/v2/health/live":
            return _json({"live": True})
        return _json({"name": "fashion-service", "version": VERSION, "extensions": ["binary_tensor_data"]})

    async def _find(self, exchange: Exchange, path: str) -> _Found:
        name, version = find_protocol_model(path)
        kind = PROTOCOL_MODELS.get(name)
        if kind is None:
            raise UnknownModel(f"There is no model {echo(name)}; there are {', '.join(PROTOCOL_MODELS)}")
        wanted = version or "stable"
        if wanted not in ALIASES:
            wanted = f"{kind.catalogue_name}:{wanted}"
        is_classifier = kind.catalogue_name == CLASSIFIER
        find = self._catalogue.classifier if is_classifier else self._catalogue.autoencoder
        tag, model = await find(exchange, wanted)
        return _Found(name, tag, kind, model)

    def _told(self, found: _Found) -> dict[str, Any]:
        versions = {
            served.version for served, _ in self._catalogue.served if served.name == found.kind.catalogue_name
        }
        return {
            "name": found.name,
            "versions": sorted(versions),
            "platform": "onnxruntime_onnx",
            "inputs": [found.kind.input(found.model).metadata()],
            "outputs": [output.metadata() for output in found.kind.outputs(found.model)],
        }

    async def _infer(self, exchange: Exchange, path: str, receive: Receive) -> Response:
        body = await receive_whole(exchange, receive, self._settings)
        found = await self._find(exchange, path)
        exchange.model = found.tag
        job = partial(self._compute, exchange, found, body)
        return await self._work.run(exchange, job, small=len(body) <= self._settings.small_request_bytes)

    def _compute(self, exchange: Exchange, found: _Found, body: bytes, inline: bool) -> Response:
        """Read the tensors, run the model, write its outputs; in the event loop's thread if `inline`."""
        began = perf_counter()
        header, tail = _parts(exchange, body)
        request = read_infer_request(header)
        sent, binary = _only_input(request, tail, found)
        takes = found.kind.input(found.model)
        takes.check(sent, found.kind.max_rows(self._settings))
        exchange.expected_seconds = max(exchange.expected_seconds, sent.shape[0] / _ROWS_A_SECOND)
        if inline and sent.shape[0] > found.kind.small_rows(self._settings):
            raise TooLargeForTheLoop
        outputs = _wanted_outputs(request, found)
        tensor = _tensor(takes, sent, binary)
        exchange.mark("decode", began)
        exchange.check_time()
        call = Call(exchange, self._settings, found.tag, request.parameters.prepare, inline)
        made = found.kind.run(call, found.model, tensor)
        exchange.mark("infer", exchange.marked)
        return _respond(request, found, outputs, made)


def _parts(exchange: Exchange, body: bytes) -> tuple[bytes, bytes]:
    """The body's JSON and what lies behind it."""
    told = exchange.headers.get(HEADER_LENGTH.lower().encode())
    if told is None:
        return body, b""
    if not told.isdigit() or len(told) > 18 or int(told) > len(body):
        raise invalid_request(
            f"{HEADER_LENGTH} must be how many of the body's {len(body)} bytes are JSON, "
            f"not {echo(told.decode('latin-1'))}"
        )
    return body[: int(told)], body[int(told) :]


def _only_input(request: InferRequest, tail: bytes, found: _Found) -> tuple[RequestInput, bytes | None]:
    """The one tensor that every model takes, and its bytes if it lies behind the JSON."""
    takes = found.kind.input(found.model)
    names = [sent.name for sent in request.inputs]
    if names != [takes.name]:
        raise invalid_request(f"{found.name} takes the one input {takes.name}, not {echo(', '.join(names))}")
    (sent,) = request.inputs
    size = sent.parameters.binary_data_size
    if (size is None) == (sent.data is None):
        raise invalid_request(f"{takes.name} must have either data or the parameter binary_data_size")
    if len(tail) != (size or 0):
        raise invalid_request(
            f"{size or 0} bytes must lie behind the JSON, as the inputs say; {len(tail)} do"
        )
    return sent, None if size is None else tail


def _tensor(takes: TensorType, sent: RequestInput, binary: bytes | None) -> Tensor:
    if binary is not None:
        return takes.from_bytes(binary, sent.shape)
    if takes.datatype != "BYTES":
        return takes.from_json(sent)
    pictures = json_list(sent)
    if len(pictures) != sent.shape[0]:
        raise invalid_request(f"{takes.name} of shape {sent.shape} cannot hold {len(pictures)} pictures")
    return [from_base64(picture, index) for index, picture in enumerate(pictures)]


def _wanted_outputs(request: InferRequest, found: _Found) -> list[tuple[TensorType, bool]]:
    """The outputs to tell, each with whether it goes behind the JSON."""
    everything = request.parameters.binary_data_output
    given = {output.name: output for output in found.kind.outputs(found.model)}
    if not request.outputs:
        return [(output, everything) for output in given.values()]
    wanted: dict[str, tuple[TensorType, bool]] = {}
    for asked in request.outputs:
        if asked.name not in given or asked.name in wanted:
            problem = "is asked for twice" if asked.name in wanted else "is none"
            raise invalid_request(
                f"{echo(asked.name)} {problem}: the outputs of {found.name} are {', '.join(given)}"
            )
        binary = asked.parameters.binary_data
        wanted[asked.name] = given[asked.name], everything if binary is None else binary
    return list(wanted.values())


def _respond(
    request: InferRequest, found: _Found, outputs: list[tuple[TensorType, bool]], made: Tensors
) -> Response:
    told: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for kind, binary in outputs:
        if binary:
            output, content = in_bytes(kind, made[kind.name])
            behind.append(content)
        else:
            output = in_json(kind, made[kind.name])
        told.append(output)
    answer = {"model_name": found.name, "model_version": found.version, "outputs": told}
    if request.id is not None:
        answer["id"] = request.id
    head = _dumped(answer)
    if not behind:
        return Response(head, media_type=JSON)
    headers = {HEADER_LENGTH: str(len(head))}
    return Response(b"".join([head, *behind]), media_type=ANY_BYTES, headers=headers)


def _json(value: dict[str, Any]) -> Response:
    return Response(_dumped(value), media_type=JSON)


def _dumped(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
