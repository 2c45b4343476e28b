"""The Open Inference Protocol beside other versions, other limits and other requests."""

import threading
from pathlib import Path
from typing import Any

import pytest

from fashion.classifier import Classifier
from tests.http.conftest import Serve, serving
from tests.http.tensors import CLASSIFIER, assert_refused, images, infer, path, tensor
from tests.stores import publish_tiny, store_at


def test_a_version_may_be_named_by_itself_or_by_its_alias(home: Path):
    with store_at(home):
        publish_tiny(home, "v1", seed=1)
        publish_tiny(home, "v2", seed=2, alias=False)
        with serving() as client:
            body = {"inputs": [tensor(images(1))]}
            versions = {
                version: client.post(path(CLASSIFIER, version), json=body).json()["model_version"]
                for version in ("v1", "v2", "stable")
            }
            assert versions == {"v1": "v1", "v2": "v2", "stable": "v1"}
            assert client.get(f"/v2/models/{CLASSIFIER}/versions/v2/ready").json()["ready"]
            assert client.get(f"/v2/models/{CLASSIFIER}/versions/v2").json()["versions"] == ["v1", "v2"]
            assert client.post(path(CLASSIFIER, "candidate"), json=body).status_code == 404


def test_a_large_batch_leaves_the_event_loop_to_others(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    threads: list[str] = []
    outputs_of = Classifier.outputs

    def noting(self: Classifier, *arguments: Any) -> Any:
        threads.append(threading.current_thread().name)
        return outputs_of(self, *arguments)

    monkeypatch.setattr(Classifier, "outputs", noting)
    with serve() as client:
        where: list[set[str]] = []
        for rows in (8, 9, 256):
            threads.clear()
            infer(client, CLASSIFIER, tensor(images(rows)))
            where.append(set(threads))
    assert where[0] == {"in-process"}
    assert where[1] == where[2] == {"large-job-0"}


def test_more_values_and_a_larger_body_than_elsewhere_are_too_large(serve: Serve):
    with serve(max_body_bytes=3_000_000) as client:
        assert infer(client, CLASSIFIER, tensor(images(256))).status_code == 200
        assert_refused(infer(client, CLASSIFIER, tensor(images(1), data=[0] * 400_000)), 413, "values")
        assert_refused(client.post(path(CLASSIFIER), content=b"x" * 3_000_001), 413)


def test_a_full_queue_and_a_late_answer_have_the_protocols_body(serve: Serve):
    with serve(answer_timeout_seconds=0.000001) as client:
        assert_refused(infer(client, CLASSIFIER, tensor(images(1))), 504)
    with serve(max_bytes_held=100) as client:
        refused = infer(client, CLASSIFIER, tensor(images(1)))
        assert_refused(refused, 429)
        assert refused.headers["retry-after"] == "1"


def test_keys_stand_before_models_and_not_before_health(serve: Serve):
    with serve(api_keys="someone:a-key-of-someone-for-tests") as client:
        for where in ("/v2/health/live", "/v2/health/ready"):
            assert client.get(where).status_code == 200
            assert client.head(where).status_code == 200
        for refused in (client.get("/v2"), client.get(f"/v2/models/{CLASSIFIER}/ready")):
            assert_refused(refused, 401)
        assert_refused(infer(client, CLASSIFIER, tensor(images(1))), 401)
        client.headers["X-API-Key"] = "a-key-of-someone-for-tests"
        assert infer(client, CLASSIFIER, tensor(images(1))).status_code == 200


def test_health_says_not_ready_where_no_model_is_loaded(home: Path):
    with store_at(home), serving() as client:
        assert client.get("/v2/health/live").status_code == 200
        assert_refused(client.get("/v2/health/ready"), 503)
        assert_refused(client.get(f"/v2/models/{CLASSIFIER}/ready"), 503)
        refused = infer(client, CLASSIFIER, tensor(images(1)))
        assert_refused(refused, 503)
        assert refused.headers["retry-after"]
