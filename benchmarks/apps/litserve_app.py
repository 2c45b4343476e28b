"""LitServe as its documentation advises for a CPU: a worker for each core, and `fast_queue`, which it advises
for more than 100 requests a second."""

import os
from typing import Any

import litserve as ls

from benchmarks.apps.answering import answer_json, load_models


class FashionAPI(ls.LitAPI):
    """A parsed JSON body in, one answer out."""

    def setup(self, device: str) -> None:
        """Load the models once in each worker."""
        del device
        self.models = load_models()

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        """Decode, prepare, infer; LitServe parses the request and serialises the answer."""
        return answer_json(self.models, request)


if __name__ == "__main__":
    server = ls.LitServer(
        FashionAPI(api_path="/classify"),
        accelerator="cpu",
        workers_per_device=int(os.environ["WORKERS"]),
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False, log_level="warning"
    )
