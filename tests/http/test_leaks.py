"""What no answer tells: keys, the environment, where files lie, and what went wrong inside."""

import logging
from typing import Any

import httpx
import pytest

from service import endpoints
from service.routes import PROTOCOL_ROUTES, ROUTES
from tests.http.conftest import Serve
from tests.http.pictures import assert_refused, parts, picture

SECRET = "secret-of-the-environment"
KEY = "a-key-of-the-shop-itself"


def test_a_failure_inside_is_told_to_the_log_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"/somewhere/{SECRET}.py")

    monkeypatch.setattr(endpoints, "prepare_pictures", fail)
    with serve() as client, caplog.at_level(logging.ERROR):
        response = client.post("/classify", files=parts(picture()), headers={"X-Request-ID": "told-by-me"})
    error = assert_refused(response, 500, "internal")
    assert SECRET not in response.text
    assert "RuntimeError" not in response.text
    assert "Traceback" not in error["message"]
    assert "told-by-me" in caplog.text
    assert SECRET in caplog.text


def test_no_route_tells_of_keys_the_environment_or_folders(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, shared_home: Any
):
    monkeypatch.setenv("SOME_PASSWORD", SECRET)
    with serve(api_keys=f"shop:{KEY}") as client:
        for path, route in {**ROUTES, **PROTOCOL_ROUTES}.items():
            real = path.format(name="fashion-classifier", version="v1")
            for method in (*route.methods, "PUT"):
                text = client.request(method, real, headers={"X-API-Key": KEY}).text
                for told in (SECRET, KEY, str(shared_home), "Traceback", "site-packages"):
                    assert told not in text, (method, path)


def test_nothing_can_be_changed_over_http(client: httpx.Client):
    for path, route in {**ROUTES, **PROTOCOL_ROUTES}.items():
        assert route.methods in (("GET", "HEAD"), ("POST",))
        assert route.computes == (route.methods == ("POST",))
        assert path.startswith("/v2/models/") == path.startswith("/v2/models")
    for path in (
        "/admin",
        "/debug",
        "/debug/pprof",
        "/v2/repository/index",
        "/v2/repository/models/fashion-classifier/load",
        "/v2/repository/models/fashion-classifier/unload",
        "/v2/systemsharedmemory/status",
        "/v2/trace/setting",
        "/v2/logging",
        "/classify/submit",
        "/classify/status",
        "/is_ready",
        "/shutdown",
    ):
        for method in ("GET", "POST", "PUT", "DELETE"):
            assert client.request(method, path).status_code == 404, path


def test_what_bentoml_answers_besides_is_out_of_reach(client: httpx.Client):
    inner = client._transport.app._app  # type: ignore[attr-defined]  # httpx's ASGI transport
    paths = {getattr(route, "path", "") for route in inner.routes} - {""}
    assert paths - set(ROUTES)  # there are some
    for path in sorted(paths - set(ROUTES)):
        if path.startswith("/static_content"):
            continue
        for method in ("GET", "POST", "PUT"):
            assert client.request(method, path.replace("{", "").replace("}", "")).status_code == 404, path
