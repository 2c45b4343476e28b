"""Tracing: spans at a real collector where one is named, and nothing imported where none is."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fashion.errors import InvalidValue
from service.settings import settings
from service.tracing import spans_of
from tests.http.collector import Collected, Collector, collecting
from tests.http.conftest import Serve
from tests.http.pictures import flat_picture, parts, picture
from tests.http.tensors import CLASSIFIER, images, infer, tensor

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STAGES = ["receive", "decode", "prepare", "infer", "respond"]

WITHOUT = """
import sys
from tests.http.conftest import serving
from tests.http.pictures import parts, picture
from tests.stores import store_at
with store_at(__import__("pathlib").Path(sys.argv[1])), serving() as client:
    assert client.post("/classify", files=parts(picture())).status_code == 200
found = [name for name in sys.modules if name == "service.spans" or name.startswith("opentelemetry.exporter")]
found += [name for name in sys.modules if name.startswith("opentelemetry.proto")]
assert not found, found
"""


def request_span(collector: Collector, name: str) -> Collected:
    (span,) = (span for span in collector.spans if span.name == name)
    return span


def test_without_a_collector_nothing_of_the_exporter_is_imported(shared_home: Path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    root = Path(__file__).resolve().parents[2]
    run = [sys.executable, "-c", WITHOUT, str(shared_home)]
    subprocess.run(run, cwd=root, env=environment | {"PYTHONPATH": str(root)}, check=True, timeout=120)


def test_a_request_becomes_a_span_with_its_stages_inside(serve: Serve):
    with collecting() as collector:
        with serve(tracing_endpoint=collector.url) as client:
            before = time.time_ns()
            answer = client.post(
                "/classify",
                files=parts(picture(), picture((40, 40), "RGB")),
                headers={"X-Request-ID": "mine"},
            )
            after = time.time_ns()
        assert collector.paths == {"/v1/traces"}
        span = request_span(collector, "POST /classify")
        assert span.resource["service.name"] == "fashion-service"
        assert not span.parent_id
        assert not span.failed
        size = len(answer.content)
        assert span.attributes == {
            "http.request.method": "POST",
            "http.route": "/classify",
            "http.response.status_code": 200,
            "http.request.body.size": len(answer.request.content),
            "http.response.body.size": size,
            "fashion.request_id": "mine",
            "fashion.pictures": 2,
            "fashion.model": answer.json()["model"],
            "fashion.prepared_as": "mixed",
        }
        assert before <= span.began < span.ended <= after
        stages = collector.inside(span)
        assert sorted(stages, key=lambda name: stages[name].began) == STAGES
        for stage in stages.values():
            assert span.began <= stage.began <= stage.ended <= span.ended
            assert stage.trace_id == span.trace_id
            assert 0 < stage.attributes["fashion.seconds"] <= (stage.ended - stage.began) / 1e9 + 1e-6


def test_the_clients_trace_is_continued(serve: Serve):
    with collecting() as collector:
        with serve(tracing_endpoint=collector.url) as client:
            sampled = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
            client.post("/generate", json={"count": 3}, headers=sampled)
        span = request_span(collector, "POST /generate")
        assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
        assert span.attributes["fashion.pictures"] == 3


def test_a_trace_that_the_client_does_not_sample_is_left_out(serve: Serve):
    with collecting() as collector:
        with serve(tracing_endpoint=collector.url) as client:
            left_out = client.get("/models", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
            assert left_out.status_code == 200
        assert collector.spans == []


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        "00-" + "é" * 50,
    ],
)
def test_a_malformed_traceparent_begins_a_new_trace(serve: Serve, traceparent: str):
    with collecting() as collector:
        with serve(tracing_endpoint=collector.url) as client:
            answer = client.get("/models", headers=[(b"traceparent", traceparent.encode())])
            assert answer.status_code == 200
        span = request_span(collector, "GET /models")
        assert not span.parent_id
        assert span.trace_id != TRACE


def test_what_is_refused_is_told_by_its_code_and_never_by_what_was_sent(serve: Serve):
    with collecting() as collector:
        with serve(tracing_endpoint=collector.url, answer_timeout_seconds=0.000001) as client:
            client.get("/secret-path?secret=query")
            client.post("/classify", files=parts(picture()), headers={"Authorization": "Bearer secret"})
        unknown = request_span(collector, "GET other")
        assert unknown.attributes["error.type"] == "not_found"
        assert unknown.attributes["http.response.status_code"] == 404
        assert not unknown.failed  # the client's mistake, as OpenTelemetry sees it
        late = request_span(collector, "POST /classify")
        assert late.failed
        assert late.attributes["error.type"] == "timeout"
        assert "secret" not in repr(collector.spans)


def test_tensors_and_large_requests_are_traced_and_probes_are_not(serve: Serve):
    with collecting() as collector:
        with serve(tracing_endpoint=collector.url) as client:
            for path in ("/livez", "/readyz", "/healthz", "/metrics", "/v2/health/live", "/v2/health/ready"):
                assert client.get(path).status_code == 200
            infer(client, CLASSIFIER, tensor(images(9)))
            client.post("/encode", files=parts(*[flat_picture(300)] * 4))
        roots = {span.name: span for span in collector.spans if not span.parent_id}
        assert roots.keys() == {"POST /v2/models/{name}/infer", "POST /encode"}
        protocol = roots["POST /v2/models/{name}/infer"]
        assert protocol.attributes["fashion.pictures"] == 9
        assert collector.inside(protocol).keys() == {"receive", "decode", "infer", "respond"}
        assert collector.inside(roots["POST /encode"]).keys() == set(STAGES)  # four pictures, five spans


def test_opentelemetrys_own_variables_are_heeded(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "named-by-the-operator")
        with serve() as client:
            client.get("/models")
        assert request_span(collector, "GET /models").resource["service.name"] == "named-by-the-operator"
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        with serve() as client:
            client.get("/docs.json")
        assert [span.name for span in collector.spans] == ["GET /models"]


def test_a_collector_that_is_gone_costs_no_answer(serve: Serve):
    with collecting() as collector:
        pass  # it listens no more
    with serve(tracing_endpoint=collector.url) as client:
        for _ in range(20):
            assert client.post("/classify", files=parts(picture())).status_code == 200


def test_an_address_that_is_none_stops_the_start_or_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    settings.cache_clear()
    assert spans_of(settings()) is None
    assert "No traces are sent" in caplog.text
    monkeypatch.setenv("FASHION_TRACING_ENDPOINT", "collector:4317")
    settings.cache_clear()
    with pytest.raises(InvalidValue, match="http://"):
        spans_of(settings())
    settings.cache_clear()
