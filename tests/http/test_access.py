"""Who is let in: API keys, the rate limit, pages of other origins, and what browsers are told."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from service.routes import PROTOCOL_ROUTES, ROUTES
from tests.http.conftest import Serve
from tests.http.pictures import assert_refused, parts, picture

KEY, OTHER_KEY = "a-key-of-the-shop-itself", "another-key-of-the-shop"
OPEN = {"/livez", "/readyz", "/healthz", "/docs.json", "/schema.json", "/"}
BEARER = {"Authorization": f"Bearer {KEY}"}
PREFLIGHT = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}


def ask(client: httpx.Client, path: str, **options: Any) -> httpx.Response:
    """A request that `path` answers, if it answers this client at all."""
    if path == "/generate":
        return client.post(path, json={"count": 1}, **options)
    if ROUTES[path].computes:
        return client.post(path, files=parts(picture()), **options)
    return client.get(path, **options)


def test_without_keys_everybody_is_answered(client: httpx.Client):
    for path in ROUTES:
        assert ask(client, path).status_code == 200


def test_with_keys_health_and_documents_stay_open_and_nothing_else(serve: Serve):
    with serve(api_keys=f"shop:{KEY}") as client:
        for path in ROUTES:
            response = ask(client, path)
            if path in OPEN:
                assert response.status_code == 200, path
            else:
                assert_refused(response, 401, "unauthorized")
                assert response.headers["www-authenticate"].startswith("Bearer ")
                assert ask(client, path, headers=BEARER).status_code == 200
                assert ask(client, path, headers={"X-API-Key": KEY}).status_code == 200
                assert ask(client, path, headers={"X-API-Key": OTHER_KEY}).status_code == 401


def test_every_route_of_the_other_protocol_that_is_no_health_check_needs_a_key(serve: Serve):
    with serve(api_keys=f"shop:{KEY}") as client:
        for path, route in PROTOCOL_ROUTES.items():
            real = path.format(name="fashion-classifier", version="v1")
            status = client.request(route.methods[0], real).status_code
            assert (status == 200) if "/health/" in path else (status == 401), path


def test_a_key_is_asked_for_after_the_route_and_the_method_and_before_the_size(serve: Serve):
    with serve(api_keys=f"shop:{KEY}", max_body_bytes=10) as client:
        assert_refused(client.put("/nothing"), 404, "not_found")
        assert_refused(client.put("/classify"), 405, "method_not_allowed")
        assert_refused(client.post("/classify", content=b"x" * 11), 401, "unauthorized")
        assert_refused(client.post("/classify", content=b"x" * 11, headers=BEARER), 413, "too_large")


def test_metrics_tell_who_still_uses_which_key_and_never_the_key(serve: Serve):
    with serve(api_keys=f"new:{KEY},old:{OTHER_KEY}") as client:
        for key in (KEY, KEY, OTHER_KEY):
            client.get("/models", headers={"X-API-Key": key})
        text = client.get("/metrics", headers=BEARER).text
    assert 'fashion_api_key_uses_total{key="old"} 1.0' in text
    assert KEY not in text


def test_a_file_of_keys_works_like_the_setting(serve: Serve, tmp_path: Path):
    file = tmp_path / "keys"
    file.write_text(f"# who\nshop:{KEY}\n")
    with serve(api_keys_file=file) as client:
        assert client.get("/models").status_code == 401
        assert client.get("/models", headers=BEARER).status_code == 200


def test_each_key_has_a_rate_limit_of_its_own(serve: Serve):
    with serve(api_keys=f"shop:{KEY},phone:{OTHER_KEY}", rate_limit="2/hour") as client:
        statuses = [client.get("/models", headers=BEARER).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        refused = client.post("/classify", files=parts(picture()), headers=BEARER)
        assert_refused(refused, 429, "rate_limited")
        assert 1700 < int(refused.headers["retry-after"]) <= 1800
        assert client.get("/models", headers={"X-API-Key": OTHER_KEY}).status_code == 200
        assert [client.get("/readyz").status_code for _ in range(5)] == [200] * 5


def test_without_keys_the_rate_limit_counts_addresses(serve: Serve):
    with serve(rate_limit="2/hour") as client:
        assert [client.get("/models").status_code for _ in range(3)] == [200, 200, 429]
        assert_refused(client.post("/nothing"), 404, "not_found")


def test_other_origins_are_told_nothing_by_default(client: httpx.Client):
    for response in (
        client.options("/classify", headers=PREFLIGHT),
        client.post("/classify", files=parts(picture()), headers={"Origin": "https://shop.example"}),
    ):
        assert not [name for name in response.headers if name.startswith("access-control-")]
    assert_refused(client.options("/classify", headers=PREFLIGHT), 405, "method_not_allowed")


def test_an_allowed_origin_may_ask_whether_it_may_ask_without_a_key(serve: Serve):
    with serve(cors_origins="https://shop.example", api_keys=f"shop:{KEY}") as client:
        for path, methods in (("/classify", "POST"), ("/models", "GET, HEAD")):
            answer = client.options(path, headers=PREFLIGHT)
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["access-control-allow-origin"] == "https://shop.example"
            assert answer.headers["access-control-allow-methods"] == methods
            assert "X-API-Key" in answer.headers["access-control-allow-headers"]
            assert answer.headers["access-control-max-age"] == "600"
            assert answer.headers["vary"] == "Origin"
        assert_refused(client.options("/nothing", headers=PREFLIGHT), 404, "not_found")
        assert_refused(
            client.options("/classify", headers={"Origin": "https://shop.example"}), 405, "method_not_allowed"
        )
        evil = client.options("/classify", headers=PREFLIGHT | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in evil.headers


def test_an_allowed_origin_can_read_answers_and_refusals(serve: Serve):
    origin = {"Origin": "https://shop.example"}
    with serve(cors_origins="https://shop.example") as client:
        good = client.post("/classify", files=parts(picture()), headers=origin)
        bad = client.post("/classify", content=b"", headers=origin)
        assert (good.status_code, bad.status_code) == (200, 415)
        for response in (good, bad):
            assert response.headers["access-control-allow-origin"] == "https://shop.example"
            assert "X-Request-ID" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("path", [*ROUTES, "/nothing", "/static_content/index.css"])
def test_every_answer_carries_the_security_headers(client: httpx.Client, path: str):
    for response in (client.get(path), client.post(path), client.put(path)):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "no-referrer"
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "server" not in response.headers
        assert len(response.headers.get_list("content-security-policy")) == 1


def test_the_page_runs_this_servers_scripts_alone_and_data_none(client: httpx.Client):
    page = client.get("/").headers["content-security-policy"]
    assert "script-src 'self';" in page
    assert "unsafe-eval" not in page
    assert "script-src" not in client.get("/docs.json").headers["content-security-policy"]
