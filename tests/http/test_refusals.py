"""What is refused: each with the status, the code and the field of the contract, and never a 500."""

import json
from typing import Any

import httpx
import pytest

from tests.http.pictures import assert_refused, base64_of, parts, picture, png_bomb

PNG = {"Content-Type": "image/png"}
JSON = {"Content-Type": "application/json"}


def multipart(body: bytes) -> dict:
    return {"content": body, "headers": {"Content-Type": "multipart/form-data; boundary=B"}}


def test_an_unknown_path_is_not_found(client: httpx.Client):
    for path in (
        "/nothing",
        "/classify/",
        "/Classify",
        "/..%2f..%2fetc/passwd",
        "/static_content/nothing.js",
    ):
        assert_refused(client.get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/classify", "/encode", "/reconstruct", "/generate"])
def test_a_wrong_method_is_told_the_right_one(client: httpx.Client, path: str):
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH"):
        response = client.request(method, path)
        assert_refused(response, 405, "method_not_allowed")
        assert response.headers["allow"] == "POST"
    assert client.post("/models").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "text/html",
        "application/vnd.bentoml+pickle",
        "application/x-www-form-urlencoded",
        "json",
        "",
    ],
)
def test_a_body_of_another_type_is_refused(client: httpx.Client, media_type: str):
    response = client.post("/classify", content=picture(), headers={"Content-Type": media_type})
    assert_refused(response, 415, "unsupported_media_type")


def test_a_compressed_body_is_refused(client: httpx.Client):
    response = client.post("/classify", content=b"x", headers={**PNG, "Content-Encoding": "gzip"})
    assert_refused(response, 415, "unsupported_media_type")


def test_generate_takes_json_alone(client: httpx.Client):
    assert_refused(client.post("/generate", content=b"x", headers=PNG), 415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["/classify", "/encode"])
def test_a_client_that_accepts_no_json_gets_none(client: httpx.Client, path: str):
    for accept in ("image/png", "text/html", "application/json;q=0", "*/*;q=0"):
        response = client.post(path, files=parts(picture()), headers={"Accept": accept})
        assert_refused(response, 406, "not_acceptable")


def test_a_request_without_pictures_is_invalid(client: httpx.Client):
    asked = [
        client.post("/classify", content=b"", headers=PNG),
        client.post("/classify", json={}),
        client.post("/classify", json={"images": []}),
        client.post("/classify", content=b"", headers=JSON),
        client.post("/classify", files=[("prepare", (None, "auto"))]),
        client.post("/classify", **multipart(b"--B--\r\n")),
    ]
    for response in asked:
        assert_refused(response, 400, "invalid_request", "images")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"--B",
        b"--B\r\n",
        b"--B\r\n\r\n",
        b"--B\r\n\r\n\r\n--B--",
        b"--Bx\r\n",
        b'--B\r\nContent-Disposition: form-data; name="images"\r\n\r\nx',
        b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--",
        b'--B\r\nContent-Disposition: attachment; name="images"\r\n\r\nx\r\n--B--',
        b'--B\r\nContent-Disposition: form-data; filename="; name=images"\r\n\r\nx\r\n--B--',
        b'--B\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--B--',
        b"--B\r\n" + b"x" * 9000 + b"\r\n\r\nx\r\n--B--",
    ],
)
def test_a_malformed_multipart_body_is_invalid(client: httpx.Client, body: bytes):
    assert_refused(client.post("/classify", **multipart(body)), 400, "invalid_request")


def test_multipart_without_a_boundary_is_invalid(client: httpx.Client):
    for media_type in (
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
    ):
        response = client.post("/classify", content=b"x", headers={"Content-Type": media_type})
        assert_refused(response, 400, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "[]",
        "null",
        "1",
        '"text"',
        '{"images": [}',
        "[" * 100_000,
        '{"a":' * 50_000,
        "\ufeff{}",
        '{"images": NaN}',
        '{"images": [Infinity]}',
        '{"images": ' + "1" * 5000 + "}",
        '{"images": [], "images": []}',
    ],
)
def test_malformed_json_is_invalid(client: httpx.Client, body: str):
    response = client.post("/encode", content=body, headers=JSON)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] == "invalid_request"


def test_json_in_another_encoding_is_invalid(client: httpx.Client):
    for encoding in ("utf-16", "utf-32"):
        response = client.post("/generate", content='{"count": 1}'.encode(encoding), headers=JSON)
        assert_refused(response, 400, "invalid_request")


@pytest.mark.parametrize(
    "image",
    [
        "http://127.0.0.1/x.png",
        "https://example.org/x.png",
        "file:///etc/passwd",
        "/etc/passwd.",
        "../x",
        "ä",
        "\ud800",
        "data:text/plain;base64,AAAA",
        "data:image/png,AAAA",
        "QUJ",
        "QUJDR===",
        "QUJD-_",
        7,
        None,
        True,
        [],
        {},
        1e999,
    ],
)
def test_an_image_that_is_not_base64_is_invalid_and_never_looked_up(client: httpx.Client, image: object):
    body = json.dumps({"images": [base64_of(picture()), image]}).replace("Infinity", "1e999")
    assert_refused(client.post("/classify", content=body, headers=JSON), 400, "invalid_request", "images[1]")


@pytest.mark.parametrize("images", ["text", 7, None, {"a": "b"}, True])
def test_images_must_be_a_list(client: httpx.Client, images: object):
    assert_refused(client.post("/classify", json={"images": images}), 400, "invalid_request", "images")


def test_a_picture_as_text_in_a_form_is_no_url(client: httpx.Client):
    response = client.post("/classify", files=[("images", (None, "http://127.0.0.1/x.png"))])
    assert_refused(response, 422, "invalid_image", "images[0]")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"just text",
        b"\x00" * 1000,
        picture()[:60],
        picture((300, 300), "RGB", "JPEG")[:3000],
        b"\x89PNG\r\n\x1a\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"%PDF-1.7",
        b"P5 1 1 255 \x00",
    ],
)
def test_what_is_no_readable_picture_is_named_by_its_index(client: httpx.Client, data: bytes):
    response = client.post("/classify", files=parts(picture(), data, picture()))
    error = assert_refused(response, 422, "invalid_image", "images[1]")
    assert error["message"].startswith("Image 2 of 3 is not a readable picture")


def test_prepare_none_demands_28x28(client: httpx.Client):
    response = client.post("/classify", files=parts(picture((28, 29))), data={"prepare": "none"})
    assert_refused(response, 422, "invalid_image", "images[0]")


def test_one_picture_beyond_fifty_megapixels_is_refused_before_it_is_decoded(client: httpx.Client):
    bomb = png_bomb(50_000, 50_000)
    assert len(bomb) < 500_000
    assert_refused(client.post("/classify", content=bomb, headers=PNG), 413, "too_large", "images[0]")


def test_pictures_beyond_two_hundred_megapixels_together_are_refused(client: httpx.Client):
    large = png_bomb(7_000, 7_000)
    assert_refused(client.post("/classify", files=parts(*[large] * 5)), 413, "too_large", "images")


def test_more_than_256_pictures_are_refused(client: httpx.Client):
    asked = [
        client.post("/classify", files=parts(*[b"x"] * 257)),
        client.post("/classify", files=parts(*[b"x"] * 100_000)),
        client.post("/classify", json={"images": [""] * 257}),
    ]
    for response in asked:
        assert_refused(response, 413, "too_large", "images")


def test_a_body_beyond_32_mib_is_refused_announced_or_not(client: httpx.Client):
    large = b"x" * (32 * 1024 * 1024 + 1)
    assert_refused(client.post("/classify", content=large, headers=PNG), 413, "too_large")
    in_chunks = (large[start : start + 2**20] for start in range(0, len(large), 2**20))
    assert_refused(client.post("/classify", content=in_chunks, headers=PNG), 413, "too_large")


def test_checks_come_in_the_order_of_the_contract(client: httpx.Client):
    everything_wrong: dict[str, Any] = {
        "content": b"not a picture",
        "headers": {"Content-Type": "text/plain"},
    }
    assert_refused(client.put("/nothing", **everything_wrong), 404, "not_found")
    assert_refused(client.put("/classify?x=1", **everything_wrong), 405, "method_not_allowed")
    large: dict[str, Any] = {"content": b"x" * (32 * 2**20 + 1), "headers": {"Content-Type": "text/plain"}}
    assert_refused(client.post("/classify?x=1", **large), 413, "too_large")
    assert_refused(client.post("/classify?x=1", **everything_wrong), 415, "unsupported_media_type")
    assert_refused(client.post("/classify?x=1", content=b"{", headers=JSON), 400, "invalid_request")
    assert_refused(
        client.post("/classify?x=1", content=b"no picture", headers=PNG), 400, "invalid_request", "x"
    )
    assert_refused(
        client.post("/classify", content=b"no picture", headers=PNG), 422, "invalid_image", "images[0]"
    )


def test_one_bad_picture_leaves_the_next_request_alone(client: httpx.Client):
    before = client.post("/classify", files=parts(picture())).text
    client.post("/classify", files=parts(picture(), b"bad"))
    assert client.post("/classify", files=parts(picture())).text == before
