"""Hostile input over a socket: the status of the contract, the same workers alive, and their memory back."""

import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import Server, serving
from tests.http.pictures import assert_refused, base64_of, parts, picture, png_bomb

PNG = {"Content-Type": "image/png"}
MIB = 1024 * 1024


def post(path: str, **sent: Any) -> httpx.Request:
    """A request whose body is made once, however often it is sent."""
    request = httpx.Request("POST", f"http://server{path}", **sent)
    return httpx.Request("POST", request.url, headers=request.headers, content=request.read())


def picture_of(content: bytes) -> httpx.Request:
    return post("/classify", content=content, headers={"Content-Type": "image/png"})


def wish(text: str) -> httpx.Request:
    return post("/generate", content=text, headers={"Content-Type": "application/json"})


PART = b'--B\r\nContent-Disposition: form-data; name="images"\r\n\r\n\r\n'
MULTIPART = {"Content-Type": "multipart/form-data; boundary=B"}
URL = {"images": ["http://127.0.0.1:1/x.png"]}

# Every line of "Must show", and what the contract says to it: status, code, field.
HOSTILE: dict[str, tuple[httpx.Request, int, str, str | None]] = {
    "an empty body": (picture_of(b""), 400, "invalid_request", "images"),
    "text as an image": (picture_of(b"just text"), 422, "invalid_image", "images[0]"),
    "a truncated JPEG": (
        picture_of(picture((300, 200), "RGB", "JPEG")[:5000]),
        422,
        "invalid_image",
        "images[0]",
    ),
    "a PNG of 50,000 x 50,000": (picture_of(png_bomb(50_000, 50_000)), 413, "too_large", "images[0]"),
    "300 images": (post("/classify", files=parts(*[picture()] * 300)), 413, "too_large", "images"),
    "images missing": (post("/classify", json={"prepare": "auto"}), 400, "invalid_request", "images"),
    "JSON with NaN": (wish('{"temperature": NaN}'), 400, "invalid_request", None),
    "a wrong type": (wish('{"count": "many"}'), 400, "invalid_request", "count"),
    "an unknown field": (wish('{"colour": "red"}'), 400, "invalid_request", "colour"),
    "a negative count": (wish('{"count": -1}'), 400, "invalid_request", "count"),
    "an unknown label": (wish('{"label": "Hat"}'), 400, "invalid_request", "label"),
    "an unknown model": (wish('{"model": "nothing"}'), 404, "unknown_model", "model"),
    "latents of the wrong size": (wish('{"latents": [[0.0]]}'), 400, "invalid_request", "latents[0]"),
    "a URL as an image": (post("/classify", json=URL), 400, "invalid_request", "images[0]"),
    "a path as an image": (
        post("/classify", json={"images": ["/etc/passwd"]}),
        400,
        "invalid_request",
        "images[0]",
    ),
    "a body of 100 MB": (picture_of(bytes(100_000_000)), 413, "too_large", None),
    "a wrong method": (httpx.Request("GET", "http://server/classify"), 405, "method_not_allowed", None),
    "a wrong path": (post("/classifier"), 404, "not_found", None),
    "a pickle": (
        post("/classify", content=b"\x80\x05.", headers={"Content-Type": "application/vnd.bentoml+pickle"}),
        415,
        "unsupported_media_type",
        None,
    ),
    "deeply nested JSON": (wish("[" * 1_000_000), 400, "invalid_request", None),
    "100,000 parts": (
        post("/classify", content=PART * 100_000 + b"--B--", headers=MULTIPART),
        413,
        "too_large",
        "images",
    ),
}


def send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    there = request.url.copy_with(port=client.base_url.port, host=client.base_url.host)
    headers = request.headers.copy()
    headers.pop("host")
    return client.send(client.build_request(request.method, there, headers=headers, content=request.content))


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_as_the_contract_says(server: Server, client: httpx.Client, name: str):
    request, status, code, field = HOSTILE[name]
    before = [worker.pid for worker in server.workers()]
    assert_refused(send(client, request), status, code, field)
    assert [worker.pid for worker in server.workers()] == before
    assert client.post("/classify", files=parts(picture())).status_code == 200


def test_image_jpg_is_fine_as_a_parts_type(client: httpx.Client):
    files = [("images", ("shoe.jpg", picture((60, 60), "RGB", "JPEG"), "image/jpg"))]
    assert client.post("/classify", files=files).status_code == 200


def test_memory_is_back_after_all_of_it_many_times(server: Server, client: httpx.Client):
    def everything(times: int) -> int:
        for _ in range(times):
            for request, *_ in HOSTILE.values():
                send(client, request)
        time.sleep(1)
        return server.memory_bytes()

    warm = everything(2)
    assert everything(4) <= warm + 2 * 32 * MIB  # a body in each of two allocators' keeping, and no more


def test_a_url_is_never_fetched(client: httpx.Client):
    with socket.create_server(("127.0.0.1", 0)) as trap:
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/x.png"
        client.post("/classify", json={"images": [url]})
        client.post("/classify", files=[("images", (None, url))])
        client.post("/classify", content=url.encode(), headers=PNG)
        client.post("/classify", json={"images": [base64_of(url.encode())]})
        trap.settimeout(0.5)
        with pytest.raises(TimeoutError):
            trap.accept()


def test_a_body_that_trickles_in_is_cut_off(home: Path):
    head = b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    with (
        serving(home, workers=1, receive_timeout_seconds=1) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow,
    ):
        slow.sendall(head + b"x")
        answer = b""
        while chunk := slow.recv(4096):  # until the server closes the connection
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in answer


def test_http_that_is_no_http_leaves_the_workers_alive(server: Server, client: httpx.Client):
    before = [worker.pid for worker in server.workers()]
    for garbage in (
        b"\x00" * 1000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /livez HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(garbage)
            connection.settimeout(0.5)
            try:
                answer = connection.recv(200)
            except (TimeoutError, ConnectionResetError):
                answer = b""
        assert not answer.startswith(b"HTTP/1.1 5")
    assert [worker.pid for worker in server.workers()] == before
    assert client.get("/livez").status_code == 200
