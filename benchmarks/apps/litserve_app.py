"""LitServe with its defaults and the workers asked for."""

import base64
import os
from typing import Any

import litserve as ls

from benchmarks.apps.answering import classify, load_classifier


class FashionAPI(ls.LitAPI):
    """One picture in, one answer out."""

    def setup(self, device: str) -> None:
        """Load the classifier once in each worker."""
        del device
        self.classifier = load_classifier()

    def decode_request(self, request: dict[str, str]) -> bytes:
        """LitServe hands over parsed JSON, in which a picture is base64."""
        return base64.b64decode(request["image"])

    def predict(self, body: bytes) -> dict[str, Any]:
        """Decode, prepare, classify."""
        return classify(self.classifier, body)

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """LitServe serialises plain data itself."""
        return output


if __name__ == "__main__":
    server = ls.LitServer(
        FashionAPI(api_path="/classify"), accelerator="cpu", workers_per_device=int(os.environ["WORKERS"])
    )
    server.run(
        host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False, log_level="warning"
    )
