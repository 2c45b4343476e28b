"""What the service does with more than it can do: it refuses at once, in time, and for the right reason."""

import asyncio
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.http.conftest import Serve
from tests.http.in_process import Loop, Transport
from tests.http.pictures import assert_refused, flat_picture, parts, picture

PNG = {"Content-Type": "image/png"}
LARGE = parts(*[flat_picture(2000)] * 45)  # about two seconds of decoding
LARGE_FORM = httpx.Request("POST", "http://x", files=LARGE)


class Exchange:
    """One ASGI exchange by hand: the body is sent when the test says so."""

    def __init__(
        self, client: httpx.Client, path: str = "/classify", content_type: str = "image/png"
    ) -> None:
        transport = client._transport
        assert isinstance(transport, Transport)
        self._loop: Loop = transport.loop
        self._inbox: asyncio.Queue[dict] = asyncio.Queue()
        self.sent: list[dict] = []
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(b"content-type", content_type.encode()), (b"transfer-encoding", b"chunked")],
        }
        self._task = asyncio.run_coroutine_threadsafe(
            transport.app(scope, self._receive, self._send), self._loop.loop
        )

    async def _receive(self) -> dict:
        message = await self._inbox.get()
        if message["type"] == "http.disconnect":
            self._inbox.put_nowait(message)  # servers say so again and again
        return message

    async def _send(self, message: dict) -> None:
        self.sent.append(message)

    def body(self, data: bytes, *, more: bool = False) -> None:
        self._loop.run(self._inbox.put({"type": "http.request", "body": data, "more_body": more}))

    def disconnect(self) -> None:
        self._loop.run(self._inbox.put({"type": "http.disconnect"}))

    def finish(self) -> int | None:
        """Wait for the end; the status that was answered, if any."""
        self._task.result(60)
        return self.sent[0]["status"] if self.sent else None


def total(client: httpx.Client, name: str) -> float:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


@pytest.fixture
def picky(serve: Serve) -> Iterator[httpx.Client]:
    with serve(max_requests_held=1, max_bytes_held=100_000, receive_timeout_seconds=0.3) as client:
        yield client


def test_a_full_queue_is_told_at_once_with_retry_after(picky: httpx.Client):
    first = Exchange(picky)
    try:
        refused = picky.post("/classify", files=parts(picture()))
        assert_refused(refused, 429, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert picky.get("/livez").status_code == 200
    finally:
        first.body(picture())
    assert first.finish() == 200
    assert picky.post("/classify", files=parts(picture())).status_code == 200


def test_bodies_that_would_take_too_much_memory_are_refused(picky: httpx.Client):
    refused = picky.post("/classify", content=b"x" * 100_001, headers=PNG)
    assert_refused(refused, 429, "overloaded")
    assert picky.post("/classify", files=parts(picture())).status_code == 200


def test_a_request_that_is_sent_too_slowly_is_refused(picky: httpx.Client):
    slow = Exchange(picky)
    slow.body(picture()[:10], more=True)
    assert slow.finish() == 408
    assert (b"connection", b"close") in slow.sent[0]["headers"]
    assert picky.post("/classify", files=parts(picture())).status_code == 200


def test_a_client_that_leaves_is_not_answered_and_frees_its_place(picky: httpx.Client):
    leaving = Exchange(picky)
    leaving.body(picture()[:10], more=True)
    leaving.disconnect()
    assert leaving.finish() is None
    assert picky.post("/classify", files=parts(picture())).status_code == 200


def test_an_answer_that_comes_too_late_is_a_timeout(serve: Serve):
    with serve(answer_timeout_seconds=0.000001) as client:
        assert_refused(client.post("/classify", files=parts(picture())), 504, "timeout")
        assert_refused(client.post("/generate"), 504, "timeout")


def test_long_work_stops_when_its_time_is_over(serve: Serve):
    with serve(answer_timeout_seconds=0.3) as client:
        began = time.monotonic()
        assert_refused(client.post("/encode", files=LARGE), 504, "timeout")
        assert client.post("/encode", files=parts(picture((400, 400)))).status_code == 200
        assert time.monotonic() - began < 0.3 + 1  # a picture's time more, not that of all


def order_of_answers(client: httpx.Client, name: str, files: list) -> list[str]:
    """Which is answered first: a large request, or `files`, sent while it is being decoded."""
    finished: list[str] = []

    def ask(name: str, files: list) -> None:
        assert client.post("/classify", files=files).status_code == 200
        finished.append(name)

    large = threading.Thread(target=ask, args=("large", LARGE))
    large.start()
    time.sleep(0.3)
    ask(name, files)
    large.join(60)
    return finished


def test_a_small_request_overtakes_a_large_one(serve: Serve):
    with serve(answer_timeout_seconds=60) as client:
        assert order_of_answers(client, "small", parts(picture())) == ["small", "large"]


def test_large_work_stops_when_its_client_has_gone(serve: Serve):
    with serve(max_large_jobs_held=1) as client:
        leaving = Exchange(client, "/encode", LARGE_FORM.headers["content-type"])
        leaving.body(LARGE_FORM.read())
        time.sleep(0.3)  # by then it is being decoded
        began = time.monotonic()
        leaving.disconnect()
        assert leaving.finish() is None
        assert client.post("/encode", files=parts(picture((400, 400)))).status_code == 200
        assert time.monotonic() - began < 1
        left = 'fashion_requests_total{method="POST",route="/encode",status="499"}'
        assert left in client.get("/metrics").text


def test_queued_work_whose_client_has_gone_is_never_begun(serve: Serve):
    with serve(answer_timeout_seconds=60) as client:
        running = Exchange(client, "/encode", LARGE_FORM.headers["content-type"])
        running.body(LARGE_FORM.read())
        time.sleep(0.1)
        before = total(client, "fashion_images_total")
        leaving = Exchange(client, "/encode", LARGE_FORM.headers["content-type"])
        leaving.body(LARGE_FORM.read())
        leaving.disconnect()
        assert leaving.finish() is None
        assert running.finish() == 200
        assert client.post("/encode", files=parts(picture((400, 400)))).status_code == 200
        assert total(client, "fashion_images_total") - before == 45 + 1


def test_a_photograph_passes_a_large_request_between_two_of_its_pictures(serve: Serve):
    with serve(answer_timeout_seconds=60) as client:
        photograph = parts(picture((400, 400), "RGB", "JPEG"))
        assert order_of_answers(client, "photograph", photograph) == ["photograph", "large"]


def test_large_jobs_have_a_queue_of_their_own(serve: Serve):
    with serve(max_large_jobs_held=1) as client:
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(client.post("/encode", files=LARGE).status_code))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert set(statuses) == {200, 429}


@pytest.mark.parametrize(
    ("path", "few", "many"),
    [
        ("/generate", {"json": {"count": 2}}, {"json": {"count": 3}}),
        ("/reconstruct", {"files": parts(*[picture()] * 2)}, {"files": parts(*[picture()] * 3)}),
    ],
)
def test_the_loop_decodes_few_latents_and_many_are_a_large_job(
    serve: Serve, path: str, few: dict, many: dict
) -> None:
    with serve(max_large_jobs_held=1, small_latents=2) as client:
        large = Exchange(client, "/encode", LARGE_FORM.headers["content-type"])
        large.body(LARGE_FORM.read())
        time.sleep(0.3)  # by then it is being decoded
        assert client.post(path, **few).status_code == 200
        assert_refused(client.post(path, **many), 429, "overloaded")
        large.disconnect()
        large.finish()
        assert client.post(path, **many).status_code == 200
