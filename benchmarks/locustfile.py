"""People who use the service, for Locust: `.venv/bin/python -m locust -f benchmarks/locustfile.py`.

Locust asks for the number of people and the address on its page at http://localhost:8089, or takes them from
the command line: `--headless --users 20 --spawn-rate 5 --run-time 30s --host http://localhost:3000`.
"""

import random
import sys
from pathlib import Path

from locust import FastHttpUser, between, task

# Locust puts this file's folder on the path, not the checkout that the package lies in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.workloads import phone_jpeg, small_png
from fashion.labels import LABELS


class Visitor(FastHttpUser):
    """Classifies photographs most of the time, and tries everything else now and then."""

    wait_time = between(0.5, 2)

    @task(10)
    def classify_photograph(self) -> None:
        """A photograph, as a form's file."""
        self._post_picture("/classify", phone_jpeg(), "image/jpeg")

    @task(3)
    def classify_network_input(self) -> None:
        """A 28x28 picture."""
        self._post_picture("/classify", small_png(), "image/png")

    @task(2)
    def explain(self) -> None:
        """A photograph, and where the network looked."""
        self._post_picture("/classify?explain=true", phone_jpeg(), "image/jpeg")

    @task(1)
    def reconstruct(self) -> None:
        """A photograph through the autoencoder and back."""
        self._post_picture("/reconstruct", phone_jpeg(), "image/jpeg")

    @task(1)
    def generate(self) -> None:
        """New pictures of a label."""
        label = random.choice(LABELS)
        self.client.post("/generate", json={"count": 16, "label": label}, name="/generate")

    def _post_picture(self, path: str, picture: bytes, media_type: str) -> None:
        headers = {"Content-Type": media_type}
        self.client.post(path, data=picture, headers=headers, name=path)  # type: ignore[arg-type]  # it takes bytes
