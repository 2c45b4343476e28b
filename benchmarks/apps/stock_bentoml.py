"""BentoML as its tutorials show it: a PIL picture in, a pydantic model out, every default."""

import io
from typing import Any

import bentoml
from PIL import Image
from pydantic import BaseModel

from benchmarks.apps.answering import classify, load_classifier


class Answer(BaseModel):
    """The answer of `POST /classify`, loosely."""

    model: str
    predictions: list[dict[str, Any]]


@bentoml.service(workers="cpu_count")
class StockFashion:
    """One picture in, one answer out."""

    def __init__(self) -> None:
        self.classifier = load_classifier()

    @bentoml.api
    def classify(self, image: Image.Image) -> Answer:
        """The picture comes decoded, so it is encoded again for the project's own decoding."""
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return Answer(**classify(self.classifier, buffer.getvalue()))
