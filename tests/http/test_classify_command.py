"""`python -m training classify` and `POST /classify` give the same answers to the same files."""

from pathlib import Path

import httpx
import pytest

from fashion.classifier import Classifier
from fashion.inputs import PrepareMode
from fashion.labels import LABELS
from tests.http.pictures import parts, picture
from tests.stores import store_at
from training.classify_command import classify_files
from training.targets import opened

FILES = {
    "a network input": picture(),
    "a photograph": picture((640, 480), "RGB", "JPEG"),
    "a small photograph": picture((40, 30), "RGB", "JPEG"),
}


@pytest.mark.parametrize("mode", ["auto", "photograph"])
def test_the_command_and_the_service_answer_alike(
    client: httpx.Client, shared_home: Path, tmp_path: Path, mode: PrepareMode
):
    paths = [tmp_path / name for name in FILES]
    for path, data in zip(paths, FILES.values(), strict=True):
        path.write_bytes(data)
    answer = client.post("/classify", params={"prepare": mode}, files=parts(*FILES.values()))
    with store_at(shared_home), opened("fashion-classifier") as artifact:
        found = classify_files(Classifier(artifact), paths, mode, explain=False)

    for served, one in zip(answer.json()["predictions"], found, strict=True):
        made = one.prediction
        assert made.prepared_as == served["prepared_as"]
        assert LABELS[made.class_index] == served["label"]
        assert [LABELS[index] for index in made.prediction_set] == served["prediction_set"]
        assert made.novelty == pytest.approx(served["novelty"])
        for label, probability in zip(LABELS, made.probabilities, strict=True):
            assert probability == pytest.approx(served["probabilities"][label], abs=1e-6)
