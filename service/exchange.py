"""One request on its way through the service: what the guard, the endpoint and the metrics know of it in
common."""

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar

from fashion.parts import one_by_one
from service.admission import Held
from service.direct import EXTENSION, Direct
from service.refusals import Refusal, answer_timeout, invalid_request
from service.routes import OTHER, Route, in_protocol

SCOPE_KEY: Final = "fashion.exchange"
CLIENT_CLOSED_REQUEST: Final = 499  # the status, in the metrics, of a client that left early (nginx's number)

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")

_ids: Final = Random()  # noqa: S311 - seeded by the system, in each worker anew

P = TypeVar("P")
T = TypeVar("T")

Scope = Any  # ASGI's own dictionaries: uvicorn's, Starlette's and BentoML's types for them disagree
Receive = Any
Send = Any


def new_request_id() -> bytes:
    """An id for a request that brought none: it has to be unique, and nothing has to be kept from anybody."""
    return b"%032x" % _ids.getrandbits(128)


class ShareOut(Protocol):
    """A way to go through parts (see `fashion.parts.InParts`)."""

    def __call__(
        self, between: Callable[[], None], compute: Callable[[P], T], parts: Sequence[P], /
    ) -> list[T]:
        """What `compute` makes of each, with `between` called before each that the calling thread takes."""
        ...


class Exchange:
    """The state of one request; `stages` holds the seconds that each stage of it took.

    What most requests leave as it is stands in the class: twenty assignments for each would cost as much as
    reading its options.
    """

    route: Route = OTHER
    wants_png: bool = False
    refusal: Refusal | None = None
    model: str = ""
    num_pictures: int = 0
    prepared_as: str = ""  # network_input, photograph, or mixed
    bytes_out: int = 0
    trace_id: str = ""
    timeline: list[tuple[str, float, float]] | None = None  # of a traced request: stage, from, until
    on_trial: bool = False  # whether a candidate of the model stands beside stable
    status: int = CLIENT_CLOSED_REQUEST
    marked: float = 0.0
    answer_by: float = float("inf")
    answer_timeout_seconds: float = float("inf")
    expected_seconds: float = 0.0  # of computing, roughly, as far as it can be told so far
    let_others_through: Callable[[], None] | None = None
    share_out: ShareOut | None = None  # how the parts of a large job are gone through

    def __init__(
        self,
        request_id: bytes,
        headers: Mapping[bytes, bytes],
        held: Held,
        receive: Receive,
        *,
        path: str = "",
        direct: Direct | None = None,
    ) -> None:
        self.request_id = request_id
        self.headers = headers
        self.held = held
        self.receive = receive
        self.path = path
        # The Content-Type header with its parameters and without, empty where there is none.
        self.content_type = headers.get(b"content-type", b"").decode("latin-1").strip()
        self.media_type = self.content_type.partition(";")[0].rstrip().lower()
        self.direct = direct
        self.stages: dict[str, float] = {}
        self.started = perf_counter()

    @classmethod
    def of(cls, scope: Scope, receive: Receive, held: Held) -> "Exchange":
        """Begin with what the request's headers tell."""
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id")
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = new_request_id()
        # Taken out, and not only read: the short cut leads to uvicorn's state of the request, and that to the
        # scope, so that each request would otherwise be left to the garbage collector.
        direct = scope["extensions"].pop(EXTENSION, None) if "extensions" in scope else None
        return cls(request_id, headers, held, receive, path=scope["path"], direct=direct)

    @property
    def in_protocol(self) -> bool:
        """Whether the request was sent below /v2, where errors have another body."""
        return in_protocol(self.path)

    @property
    def content_length(self) -> int | None:
        """The body's announced size in bytes, None where it comes in chunks."""
        if b"transfer-encoding" in self.headers:
            return None
        text = self.headers.get(b"content-length", b"0")
        if not text.isdigit() or len(text) > 18:
            raise invalid_request("Content-Length must be a number of bytes")
        return int(text)

    def mark(self, stage: str, since: float) -> float:
        """Add the time from `since` until now to `stage`, and return now."""
        now = perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - since
        self.marked = now
        if self.timeline is not None:
            self.timeline.append((stage, since, now))
        return now

    def received(self, answer_timeout_seconds: float) -> None:
        """Note that the body is here: the time to answer runs from now."""
        now = self.mark("receive", self.started)
        self.answer_timeout_seconds = answer_timeout_seconds
        self.answer_by = now + answer_timeout_seconds

    @property
    def seconds_left(self) -> float:
        """How long the answer may still take."""
        return max(self.answer_by - perf_counter(), 0.0)

    def check_time(self) -> None:
        """Raise the refusal of an answer that is too late; long work in a thread calls it between its steps,
        and lets shorter work through there."""
        if self.let_others_through:
            self.let_others_through()
        if perf_counter() > self.answer_by:
            raise answer_timeout(self.answer_timeout_seconds)

    def in_parts(self, compute: Callable[[P], T], parts: Sequence[P], /) -> list[T]:
        """What `compute` makes of each of `parts`, in their order, with the time looked at in between. Those
        of a large job may be computed in several threads."""
        if self.share_out:
            return self.share_out(self.check_time, compute, parts)

        def in_time(part: P) -> T:
            self.check_time()
            return compute(part)

        return one_by_one(in_time, parts)

    def give_up(self) -> None:
        """Let long work on this request stop at its next step: nobody waits for it any more."""
        self.answer_by = 0.0
