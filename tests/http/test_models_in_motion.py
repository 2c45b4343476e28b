"""Models that come, move, go back or turn out damaged, while the service answers."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import bentoml
import httpx
import pytest

from fashion.aliases import ALIAS_FILE, promote, rollback
from tests.http.conftest import serving
from tests.http.pictures import assert_refused, parts, picture
from tests.stores import AUTOENCODER, CLASSIFIER, publish_tiny

POLL = 0.05


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(POLL)


def answering(client: httpx.Client, model: str = "stable") -> str:
    return client.post("/classify", files=parts(picture()), data={"model": model}).json()["model"]


def damage(version: str) -> None:
    graph = Path(bentoml.models.get(f"{CLASSIFIER}:{version}").path) / "classifier.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")


def test_a_service_without_models_says_it_is_not_ready_until_it_has_them(home: Path):
    with serving(alias_poll_seconds=POLL) as client:
        assert client.get("/livez").status_code == 200
        assert_refused(client.get("/readyz"), 503, "not_ready")
        assert_refused(client.post("/classify", files=parts(picture())), 503, "not_ready")
        assert_refused(client.post("/generate"), 503, "not_ready")
        assert client.get("/models").json() == {"models": []}
        publish_tiny(home, "v1", seed=1)
        eventually(lambda: client.get("/readyz").status_code == 200)
        assert answering(client) == "fashion-classifier:v1"


def test_promotion_and_rollback_change_the_next_answer(home: Path):
    publish_tiny(home, "v1", seed=1)
    publish_tiny(home, "v2", seed=2, alias=False)
    with serving(alias_poll_seconds=POLL) as client:
        before = client.post("/classify", files=parts(picture())).text
        promote(home / ALIAS_FILE, CLASSIFIER, "v2")
        eventually(lambda: answering(client) == "fashion-classifier:v2")
        rollback(home / ALIAS_FILE, CLASSIFIER)
        eventually(lambda: answering(client) == "fashion-classifier:v1")
        assert client.post("/classify", files=parts(picture())).text == before


def test_a_worker_that_starts_while_the_alias_file_is_damaged_serves_what_its_copy_says(
    home: Path, caplog: pytest.LogCaptureFixture
):
    publish_tiny(home, "v1", seed=1)
    publish_tiny(home, "v2", seed=2, alias=False)
    promote(home / ALIAS_FILE, CLASSIFIER, "v2")
    (home / ALIAS_FILE).write_text("{")
    with serving(alias_poll_seconds=POLL) as client:
        assert client.get("/readyz").status_code == 200
        assert answering(client) == "fashion-classifier:v2"
        assert "damaged" in caplog.text
        shutil.copy((home / ALIAS_FILE).with_suffix(".copy"), home / ALIAS_FILE)
        rollback(home / ALIAS_FILE, CLASSIFIER)
        eventually(lambda: answering(client) == "fashion-classifier:v1")


def test_a_worker_that_starts_while_stable_is_damaged_serves_what_was_stable_before(home: Path):
    publish_tiny(home, "v1", seed=1)
    publish_tiny(home, "v2", seed=2, alias=False)
    damage("v2")
    promote(home / ALIAS_FILE, CLASSIFIER, "v2")
    with serving(alias_poll_seconds=POLL) as client:
        assert client.get("/readyz").status_code == 200
        assert answering(client) == "fashion-classifier:v1"


def test_a_candidate_answers_beside_stable(home: Path):
    publish_tiny(home, "v1", seed=1)
    publish_tiny(home, "v2", seed=2, alias=False)
    with serving(alias_poll_seconds=POLL) as client:
        assert_refused(
            client.post("/classify?model=candidate", files=parts(picture())), 404, "unknown_model", "model"
        )
        promote(home / ALIAS_FILE, CLASSIFIER, "v2", alias="candidate")
        eventually(
            lambda: client.post("/classify?model=candidate", files=parts(picture())).status_code == 200
        )
        assert answering(client, "candidate") == "fashion-classifier:v2"
        assert answering(client) == answering(client, CLASSIFIER) == "fashion-classifier:v1"


def test_a_damaged_version_never_replaces_one_that_answers(home: Path, caplog: pytest.LogCaptureFixture):
    publish_tiny(home, "v1", seed=1)
    publish_tiny(home, "v2", seed=2, alias=False)
    damage("v2")
    with serving(alias_poll_seconds=POLL) as client:
        promote(home / ALIAS_FILE, CLASSIFIER, "v2")
        eventually(lambda: "stable of fashion-classifier stays as it was" in caplog.text)
        assert answering(client) == answering(client, CLASSIFIER) == "fashion-classifier:v1"
        assert client.get("/readyz").status_code == 200
        asked = client.post("/classify?model=fashion-classifier:v2", files=parts(picture()))
        assert_refused(asked, 503, "not_ready")


def test_a_damaged_alias_file_leaves_everything_as_it_was(home: Path, caplog: pytest.LogCaptureFixture):
    publish_tiny(home, "v1", seed=1)
    with serving(alias_poll_seconds=POLL) as client:
        (home / ALIAS_FILE).write_text("{")
        eventually(lambda: "damaged" in caplog.text)
        assert answering(client) == "fashion-classifier:v1"
        (home / ALIAS_FILE).unlink()
        time.sleep(3 * POLL)
        assert answering(client) == "fashion-classifier:v1"


def test_a_version_that_left_the_store_still_answers_while_stable_names_it(home: Path):
    publish_tiny(home, "v1", seed=1)
    with serving(alias_poll_seconds=POLL) as client:
        shutil.rmtree(bentoml.models.get(f"{AUTOENCODER}:v1").path)
        assert client.post("/generate", json={"seed": 1}).status_code == 200


def test_versions_asked_for_by_tag_are_loaded_and_the_oldest_are_let_go(home: Path):
    publish_tiny(home, "v1", seed=1)
    for seed in (2, 3, 4):
        publish_tiny(home, f"v{seed}", seed=seed, alias=False)
    with serving(max_versions_loaded=2) as client:
        for version in ("v2", "v3", "v4", "v2"):
            assert answering(client, f"{CLASSIFIER}:{version}") == f"{CLASSIFIER}:{version}"
        loaded = {model["model"] for model in client.get("/models").json()["models"]}
        assert loaded == {f"{CLASSIFIER}:v1", f"{AUTOENCODER}:v1", f"{CLASSIFIER}:v4", f"{CLASSIFIER}:v2"}
