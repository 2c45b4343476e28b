"""Large bodies: taken apart beside the event loop, each of their kinds, and judged as small ones are."""

import asyncio
import threading
from typing import Any

import httpx
import pytest
from pydantic import field_validator

from service.admission import Admission, Held
from service.exchange import Exchange
from service.incoming import read_request
from service.routes import ROUTES
from service.schemas import PictureOptions
from service.settings import Settings
from service.work import Work
from tests.http.in_process import Loop
from tests.http.pictures import assert_refused, base64_of, parts, picture

JSON = {"Content-Type": "application/json"}
SEEN: list[str] = []


class WatchedOptions(PictureOptions):
    """Options that note the thread in which they are validated."""

    @field_validator("prepare")
    @classmethod
    def _note(cls, value: str) -> str:
        SEEN.append(threading.current_thread().name)
        return value


def thread_that_reads(body: bytes, content_type: str) -> str:
    """The name of the thread in which a body is taken apart."""
    SEEN.clear()
    loop, work = Loop(), Work(threads=1, max_jobs_held=1)
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in messages:
            return message
        await asyncio.Event().wait()  # the client stays
        raise AssertionError

    scope = {"path": "/classify", "headers": [(b"content-type", content_type.encode())]}
    exchange = Exchange.of(scope, receive, Held(Admission(1, len(body))))
    exchange.route = ROUTES["/classify"]
    try:
        loop.run(read_request(exchange, b"prepare=none", receive, WatchedOptions, Settings(), work))
    finally:
        work.close()
        loop.close()
    return SEEN[0]


@pytest.mark.parametrize("kind", ["json", "multipart", "raw"])
@pytest.mark.parametrize("size", [100, 1_000_000])
def test_a_large_body_is_taken_apart_in_a_thread_and_a_small_one_at_once(kind: str, size: int):
    data = bytes(size)
    if kind == "json":
        body, content_type = b'{"images":["' + base64_of(data).encode() + b'"]}', "application/json"
    elif kind == "multipart":
        head = b'--B\r\nContent-Disposition: form-data; name="images"\r\n\r\n'
        body, content_type = head + data + b"\r\n--B--", "multipart/form-data; boundary=B"
    else:
        body, content_type = data, "image/png"
    assert thread_that_reads(body, content_type).startswith("large-job" if size > 65536 else "in-process")


def test_all_ways_of_sending_a_large_picture_give_the_same_answer(client: httpx.Client):
    large = picture((400, 400), "RGB")
    assert len(large) > 200_000
    form = client.post("/classify", files=parts(large))
    raw = client.post("/classify", content=large, headers={"Content-Type": "image/png"})
    as_json = client.post("/classify", json={"images": [base64_of(large)]})
    assert form.status_code == 200
    assert form.json() == raw.json() == as_json.json()


def test_an_option_as_long_as_a_picture_is_refused_and_not_repeated(client: httpx.Client):
    images = [base64_of(picture())]
    for name in ("model", "prepare", "explain"):
        response = client.post("/classify", json={"images": images, name: "x" * 1_000_000})
        assert_refused(response, 400, "invalid_request", name)
        assert len(response.content) < 1000
    response = client.post("/classify", json={"images": "x" * 1_000_000})
    assert_refused(response, 400, "invalid_request", "images")


def test_bodies_of_very_many_values_are_refused_on_every_route(client: httpx.Client):
    body = b'{"latents":[' + b"[0]," * 400_000 + b"[0]]}"
    for path in ("/classify", "/generate", "/encode", "/reconstruct"):
        assert_refused(client.post(path, content=body, headers=JSON), 413, "too_large")


def test_the_largest_latents_that_encode_gives_are_taken(client: httpx.Client):
    latents = client.post("/encode", files=parts(picture())).json()["latents"]
    assert client.post("/generate", json={"latents": latents * 1024}).status_code == 200
