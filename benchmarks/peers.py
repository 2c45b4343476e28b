"""Who takes part: how each is started, as its own documentation advises, and how it is asked."""

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from benchmarks.workloads import GENERATED, Workload

_BIN: Final = Path(sys.executable).parent
_APPS: Final = "benchmarks.apps"
_BOUNDARY: Final = "benchmark-boundary"
_UVICORN: Final = ("--port", "{port}", "--workers", "{workers}", "--no-access-log", "--log-level", "warning")
_LEAN: Final = ("--loop", "uvloop", "--http", "httptools")

OURS: Final = "fashion-service"
Encoding = Literal["raw", "form", "json"]


@dataclass(frozen=True)
class Request:
    """One request to a peer."""

    path: str
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Peer:
    """One server of the comparison; {port} and {workers} are filled in.

    `one` and `many` say how it takes a picture and several, `fields` what a form's parts are then called.
    `worker` is what the command line of a worker process contains. `exact` is false for a peer that computes
    with another precision. A `bare` one computes nothing and takes small pictures alone.
    """

    name: str
    about: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    one: Encoding = "raw"
    many: Encoding = "json"
    fields: Mapping[str, str] = field(default_factory=lambda: {"one": "images", "many": "images"})
    paths: Mapping[str, str] = field(default_factory=dict)
    worker: str = "spawn_main"
    exact: bool = True
    bare: bool = False
    generates: bool = True

    def takes(self, workload: Workload) -> bool:
        """Whether the peer takes part in a workload."""
        if self.bare:
            return workload.kind == "one"
        return self.generates or workload.kind != "generate"

    def requests(self, workload: Workload) -> tuple[Request, ...]:
        """The requests of a workload, which come in turn, in the form that the peer takes."""
        default = "/generate" if workload.kind == "generate" else "/classify"
        path = self.paths.get(workload.kind, default)
        if workload.kind == "generate":
            return (Request(path, json.dumps(GENERATED).encode(), "application/json"),)
        pictures = workload.pictures()
        if workload.kind == "many":
            return (self._request(path, self.many, workload, pictures),)
        return tuple(self._request(path, self.one, workload, [picture]) for picture in pictures)

    def _request(
        self, path: str, encoding: Encoding, workload: Workload, pictures: Sequence[bytes]
    ) -> Request:
        if encoding == "raw":
            return Request(path, pictures[0], workload.media_type)
        if encoding == "json":
            encoded = [base64.b64encode(picture).decode() for picture in pictures]
            return Request(path, json.dumps({"images": encoded}).encode(), "application/json")
        body = _form(self.fields[workload.kind], workload.media_type, pictures)
        return Request(path, body, f"multipart/form-data; boundary={_BOUNDARY}")


def _form(name: str, media_type: str, pictures: Sequence[bytes]) -> bytes:
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="p"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    ).encode()
    return b"".join(head + picture + b"\r\n" for picture in pictures) + f"--{_BOUNDARY}--\r\n".encode()


def _uvicorn(app: str, *options: str) -> tuple[str, ...]:
    return (str(_BIN / "uvicorn"), f"{_APPS}.{app}:app", *_UVICORN, *options)


def _bentoml(service: str) -> tuple[str, ...]:
    return (str(_BIN / "bentoml"), "serve", service, "--host", "127.0.0.1", "--port", "{port}")


_MOSEC: Final = (sys.executable, "-m", f"{_APPS}.mosec_app")
_MOSEC_SETTINGS: Final = {
    "MOSEC_PORT": "{port}",
    "MOSEC_ADDRESS": "127.0.0.1",
    "MOSEC_LOG_LEVEL": "warning",
    "MOSEC_TIMEOUT": "30000",  # milliseconds, as LitServe's: 256 pictures may take longer than its 3 s
}
_BENTOML_WORKER: Final = "_bentoml_impl.worker"

PEERS: Final = (
    Peer(
        OURS,
        "this project under `bentoml serve`",
        _bentoml("service.service:FashionService"),
        {"FASHION_WORKERS": "{workers}"},
        many="form",
        worker=_BENTOML_WORKER,
    ),
    Peer(
        "starlette",
        "Starlette on uvicorn with uvloop and httptools, computing in the event loop",
        _uvicorn("starlette_app", *_LEAN),
        many="form",
    ),
    Peer(
        "mosec",
        "its Rust front, batches of up to 8, at most 2 ms of waiting for one: less than a batch takes",
        _MOSEC,
        {**_MOSEC_SETTINGS, "BATCH": "8", "WAIT_MS": "2"},
    ),
    Peer(
        "mosec-unbatched",
        "the same with its batching off (`max_batch_size=1`, its default), which suits few connections",
        _MOSEC,
        {**_MOSEC_SETTINGS, "BATCH": "1"},
    ),
    Peer(
        "litserve",
        "a worker for each core and `fast_queue`, which its documentation names for over 100 requests/s",
        (sys.executable, "-m", f"{_APPS}.litserve_app"),
        {"PORT": "{port}"},
        one="json",
        paths={"generate": "/classify"},
    ),
    Peer(
        "bentoml-stock",
        "BentoML as its tutorials show it: PIL pictures in, a pydantic model out; workers set, the rest left",
        _bentoml(f"{_APPS}.stock_bentoml:StockFashion"),
        one="form",
        many="form",
        fields={"one": "image", "many": "images"},
        paths={"many": "/classify_many"},
        worker=_BENTOML_WORKER,
    ),
    Peer(
        "fastapi-torch",
        "a synchronous FastAPI endpoint, the same classifier in eager torch, one torch thread a worker",
        _uvicorn("fastapi_torch"),
        one="form",
        many="form",
        exact=False,
        generates=False,
    ),
    Peer(
        "empty-service",
        "our service with an endpoint that answers a constant: what stands around the work",
        _bentoml(f"{_APPS}.empty_service:EmptyService"),
        {"FASHION_WORKERS": "{workers}"},
        worker=_BENTOML_WORKER,
        bare=True,
    ),
    Peer(
        "empty-starlette",
        "Starlette that answers a constant: what HTTP in Python costs at least",
        _uvicorn("empty_starlette", *_LEAN),
        bare=True,
    ),
)
BARE: Final = frozenset(peer.name for peer in PEERS if peer.bare)
