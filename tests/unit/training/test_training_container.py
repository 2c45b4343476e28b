"""What the training container is built from agrees with the project; building it is tried by hand."""

import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "docker/training.Dockerfile").read_text()


def test_everything_that_is_copied_exists_and_is_sent_to_the_build():
    copied = [line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("COPY")]
    sent = (ROOT / "docker/training.Dockerfile.dockerignore").read_text()

    assert copied
    assert all((ROOT / name).exists() for name in copied)
    assert all(f"!{name}" in sent for name in copied)


def test_the_extra_that_is_installed_brings_what_both_services_run():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = " ".join(project["optional-dependencies"]["training"])
    services = yaml.safe_load((ROOT / "docker/training.compose.yaml").read_text())["services"]

    assert ".[training]" in DOCKERFILE
    assert services["tensorboard"]["entrypoint"][0] in extra
    assert services["tensorboard"]["volumes"] == services["training"]["volumes"]
