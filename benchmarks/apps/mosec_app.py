"""mosec: a Rust front that batches, Python workers behind it; the port comes from its own MOSEC_PORT."""

import os
from typing import Any

from mosec import Runtime, Server, Worker

from benchmarks.apps.answering import as_json, load_classifier
from fashion.decoding import decode
from fashion.preparation import WORKING_SIDE, prepare


class Fashion(Worker):
    """Raw bytes in, JSON out, a batch at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = load_classifier()

    def deserialize(self, data: bytes) -> bytes:
        """The raw body is the picture."""
        return data

    def forward(self, data: list[bytes]) -> list[dict[str, Any]]:
        """Decode and prepare each picture, classify them together."""
        pictures = [prepare(decode(body, target_side=WORKING_SIDE)) for body in data]
        name = self.classifier.artifact.manifest.name
        return [
            {"model": name, "predictions": [as_json(made)]} for made in self.classifier.classify(pictures)
        ]


if __name__ == "__main__":
    server = Server()
    runtime = Runtime(
        Fashion,
        num=int(os.environ["WORKERS"]),
        max_batch_size=int(os.environ.get("BATCH", "32")),
        max_wait_time=int(os.environ.get("WAIT_MS", "1")),
    )
    server.register_runtime({"/classify": [runtime]})
    server.run()
