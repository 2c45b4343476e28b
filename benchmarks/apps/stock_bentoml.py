"""BentoML as its tutorials show it: PIL pictures in, a pydantic model out, every default but the workers."""

import os
from typing import Any

import bentoml
from PIL import Image
from PIL.ImageFile import ImageFile
from pydantic import BaseModel

from benchmarks.apps.answering import classified, generate, load_models, prepared_picture, target_side
from fashion.decoding import OpenedPicture


class Answer(BaseModel):
    """The answer of `POST /classify`, loosely."""

    model: str
    predictions: list[dict[str, Any]]


class Generated(BaseModel):
    """The answer of `POST /generate`, loosely."""

    model: str
    seed: int
    samples: list[dict[str, Any]]


@bentoml.service(workers=int(os.environ.get("WORKERS", "1")))
class StockFashion:
    """One picture or many in, one answer out."""

    def __init__(self) -> None:
        self.models = load_models()

    @bentoml.api
    def classify(self, image: Image.Image) -> Answer:
        """One picture."""
        return self._answer([image])

    @bentoml.api
    def classify_many(self, images: list[Image.Image]) -> Answer:
        """Many pictures."""
        return self._answer(images)

    @bentoml.api
    def generate(self, count: int, seed: int) -> Generated:
        """New pictures."""
        return Generated(**generate(self.models.autoencoder, count, seed))

    def _answer(self, images: list[Image.Image]) -> Answer:
        classifier = self.models.classifier
        # BentoML has opened the pictures and not yet decoded them, so that the scaled decoding is theirs too.
        pictures = [
            OpenedPicture(image.format or "picture", image, 0).decode(target_side=target_side(classifier))
            for image in images
            if isinstance(image, ImageFile)
        ]
        return Answer(**classified(classifier, [prepared_picture(classifier, each) for each in pictures]))
