"""Each network has run on every batch size that it will see before it may answer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder, Latents
from fashion.classifier import MOST_VIEWS, Classifier, Heat, InPasses, Prediction, as_many_as_fit
from fashion.parts import InParts, one_by_one
from fashion.preparation import Prepared
from service.settings import Settings
from service.warming import warm_up
from tests.tiny_artifacts import tiny_autoencoder, tiny_classifier

SETTINGS = Settings(batch_pictures=5, small_request_pictures=3)


class WatchedClassifier(Classifier):
    """A real classifier that remembers how many pictures of which kind it was given."""

    def explain(
        self, pictures: Sequence[Prepared], in_passes: InPasses = as_many_as_fit
    ) -> list[tuple[Prediction, Heat | None]]:
        self.seen.append((pictures[0].kind, len(pictures)))
        return super().explain(pictures, in_passes)

    seen: list[tuple[str, int]]


class WatchedAutoencoder(Autoencoder):
    """A real autoencoder that remembers how many pictures and latents it was given."""

    def encode(self, images: NDArray[np.uint8]) -> Latents:
        self.seen.append(("encode", len(images)))
        return super().encode(images)

    def decode(self, latents: NDArray[np.float32], in_parts: InParts = one_by_one) -> NDArray[np.float32]:
        self.seen.append(("decode", len(latents)))
        return super().decode(latents, in_parts)

    seen: list[tuple[str, int]]


def test_a_classifier_runs_on_every_size_of_a_pass_of_each_kind(tmp_path: Path) -> None:
    classifier = WatchedClassifier(tiny_classifier(tmp_path / "artifact", photographs=True))
    classifier.seen = []
    warm_up(classifier, SETTINGS)
    inputs = {("network_input", count) for count in (1, 2, 3, 4, 5)}
    photographs = {("photograph", count) for count in range(1, MOST_VIEWS + 1)}
    assert set(classifier.seen) == inputs | photographs


def test_an_autoencoder_runs_on_every_size_that_the_loop_answers(tmp_path: Path) -> None:
    autoencoder = WatchedAutoencoder(tiny_autoencoder(tmp_path / "artifact"))
    autoencoder.seen = []
    warm_up(autoencoder, SETTINGS)
    assert {("decode", 1), *(("encode", count) for count in (1, 2, 3))} == set(autoencoder.seen)
