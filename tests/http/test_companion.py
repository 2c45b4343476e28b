"""A second VAE, served by its own name where the store has it, and missed by nobody where it has not."""

from pathlib import Path

import bentoml

from fashion.aliases import ALIAS_FILE, promote
from tests.http.conftest import serving
from tests.http.pictures import assert_refused
from tests.http.test_models_in_motion import POLL, eventually
from tests.stores import AUTOENCODER, publish, publish_tiny
from tests.tiny_artifacts import LATENT, tiny_autoencoder

COMPANION = "fashion-vae-2d"
LATENTS = {"latents": [[0.5] * LATENT], "model": COMPANION}


def publish_companion(home: Path, version: str, seed: int) -> None:
    folder = home / "drafts" / f"{COMPANION}-{version}"
    tiny_autoencoder(folder, name=COMPANION, seed=seed)
    publish(f"{COMPANION}:{version}", folder)
    promote(home / ALIAS_FILE, COMPANION, version)


def test_its_name_means_its_stable_version(home: Path):
    publish_tiny(home, "v1", seed=1)
    publish_companion(home, "c1", seed=2)
    with serving(alias_poll_seconds=POLL) as client:
        answer = client.post("/generate", json=LATENTS).json()
        assert answer["model"] == f"{COMPANION}:c1"
        other = client.post("/generate", json={**LATENTS, "model": AUTOENCODER}).json()
        assert other["model"] == f"{AUTOENCODER}:v1"
        assert other["samples"][0]["image"] != answer["samples"][0]["image"]
        listed = {model["name"]: model["aliases"] for model in client.get("/models").json()["models"]}
        assert listed[COMPANION] == ["stable"]
        publish_companion(home, "c2", seed=3)
        eventually(lambda: client.post("/generate", json=LATENTS).json()["model"] == f"{COMPANION}:c2")


def test_a_service_without_it_is_ready_and_says_that_it_has_no_such_model(home: Path):
    publish_tiny(home, "v1", seed=1)
    with serving() as client:
        assert client.get("/readyz").status_code == 200
        assert_refused(client.post("/generate", json=LATENTS), 404, "unknown_model", "model")


def test_a_damaged_one_keeps_nobody_from_being_ready(home: Path):
    publish_tiny(home, "v1", seed=1)
    publish_companion(home, "c1", seed=2)
    graph = Path(bentoml.models.get(f"{COMPANION}:c1").path) / "decoder.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with serving() as client:
        assert client.get("/readyz").status_code == 200
        assert_refused(client.post("/generate", json=LATENTS), 503, "not_ready")
        assert client.post("/generate").status_code == 200
