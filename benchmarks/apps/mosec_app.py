"""mosec: a Rust front that hands batches to Python workers, or single requests where BATCH is 1.

The port comes from its own MOSEC_PORT.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from mosec import Runtime, Server, Worker

from benchmarks.apps.answering import answer_json, classified, load_models, prepared

BATCH = int(os.environ.get("BATCH", "1"))


class Fashion(Worker):
    """A raw picture or a JSON body in, JSON out."""

    def __init__(self) -> None:
        super().__init__()
        self.models = load_models()

    def deserialize(self, data: bytes) -> bytes:
        """A picture's bytes stay as they are, and JSON is parsed where its kind is known."""
        return data

    def forward(self, data: Any) -> Any:
        """Answer one body, or as many as mosec has batched."""
        return self._answer_all(data) if BATCH > 1 else self._answer_all([data])[0]

    def _answer_all(self, bodies: Sequence[bytes]) -> list[dict[str, Any]]:
        """Classify the raw pictures of a batch together, and answer everything else by itself."""
        classifier = self.models.classifier
        raw = [index for index, body in enumerate(bodies) if not body.startswith(b"{")]
        together = (
            classified(classifier, [prepared(classifier, bodies[index]) for index in raw]) if raw else {}
        )
        answers = {
            index: {"model": together["model"], "predictions": [prediction]}
            for index, prediction in zip(raw, together.get("predictions", ()), strict=True)
        }
        return [
            answers[index] if index in answers else answer_json(self.models, json.loads(body))
            for index, body in enumerate(bodies)
        ]


if __name__ == "__main__":
    server = Server()
    runtime = Runtime(
        Fashion,
        num=int(os.environ["WORKERS"]),
        max_batch_size=BATCH,
        max_wait_time=int(os.environ.get("WAIT_MS", "10")),
    )
    server.register_runtime({"/classify": [runtime], "/generate": [runtime]})
    server.run()
