"""A classifier in two halves behind the endpoints: the same answers however one asks, and counted."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from fashion.aliases import ALIAS_FILE, promote
from fashion.artifact import open_artifact
from fashion.classifier import Classifier
from fashion.preparation import Prepared
from tests.http.conftest import serving
from tests.http.pictures import parts
from tests.http.tensors import CLASSIFIER, infer, outputs, tensor
from tests.stores import publish, publish_tiny, store_at
from tests.tiny_artifacts import CHANNELS
from tests.tiny_early_exit import tiny_early_exit

RANDOM = np.random.default_rng(3)
IMAGES = (RANDOM.random((24, 28, 28)) * np.linspace(5, 255, 24)[:, None, None]).astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("bentoml-home")
    with store_at(home):
        publish_tiny(home, "v1", seed=1)
        tiny_early_exit(home / "drafts" / "halves", confidence=0.5)
        publish("fashion-classifier:halves", home / "drafts" / "halves")
        promote(home / ALIAS_FILE, "fashion-classifier", "halves")
    return home


@pytest.fixture
def client(home: Path) -> Iterator[httpx.Client]:
    with store_at(home), serving() as made:
        yield made


def counted(client: httpx.Client, sure: str) -> float:
    families = text_string_to_metric_families(client.get("/metrics").text)
    wanted = {"model": "fashion-classifier:halves", "sure": sure}
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "fashion_early_exit_total" and sample.labels == wanted
    )


def test_answers_do_not_depend_on_the_way_of_asking(client: httpx.Client, home: Path) -> None:
    bodies = [png(image) for image in IMAGES]
    alone = [
        client.post("/classify", content=body, headers={"Content-Type": "image/png"}).json()["predictions"][0]
        for body in bodies
    ]
    together = client.post("/classify", files=parts(*bodies)).json()["predictions"]
    explained = client.post("/classify", files=parts(*bodies), data={"explain": "true"}).json()["predictions"]
    answered = outputs(infer(client, CLASSIFIER, tensor(IMAGES)))
    for row, (one, other, third) in enumerate(zip(alone, together, explained, strict=True)):
        for made in (other, third):
            assert made["label"] == one["label"]
            assert made["probabilities"] == pytest.approx(one["probabilities"], rel=1e-5)
        assert third["explanation"] is not None
        assert answered["probabilities"][row].tolist() == pytest.approx(list(one["probabilities"].values()))
    assert answered["features"].shape == (len(IMAGES), CHANNELS)


def test_who_leaves_early_is_counted(client: httpx.Client, home: Path) -> None:
    classifier = Classifier(open_artifact(home / "drafts" / "halves"))
    pictures = [Prepared(image, "network_input") for image in IMAGES]
    expected = [made.left_early for made in classifier.classify(pictures)]
    before = [counted(client, sure) for sure in ("true", "false")]

    client.post("/classify", files=parts(*[png(image) for image in IMAGES]))
    client.post("/classify", files=parts(*[png(image) for image in IMAGES]), data={"prepare": "photograph"})

    assert 0 < expected.count(True) < len(IMAGES)
    after = [counted(client, sure) for sure in ("true", "false")]
    # A photograph goes all the way.
    assert after[0] - before[0] == expected.count(True)
    assert after[1] - before[1] == expected.count(False) + len(IMAGES)
