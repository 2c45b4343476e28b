"""Stores to serve from: tiny artifacts, published as `training.store` publishes them, and their aliases."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bentoml
import pytest
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore

from fashion.aliases import ALIAS_FILE, promote
from tests.tiny_artifacts import tiny_autoencoder, tiny_classifier

CLASSIFIER = "fashion-classifier"
AUTOENCODER = "fashion-vae"


@contextmanager
def store_at(home: Path) -> Iterator[Path]:
    """Let BentoML and the service use `home` instead of their BentoML home."""
    models = home / "models"
    models.mkdir(parents=True, exist_ok=True)
    before = BentoMLContainer.model_store.get()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(home))
        BentoMLContainer.model_store.set(ModelStore(models))
        try:
            yield home
        finally:
            BentoMLContainer.model_store.set(before)


def publish(tag: str, folder: Path, **labels: str) -> None:
    """Put the artifact in `folder` into the store as `tag`."""
    with bentoml.models.create(tag, labels=labels) as model:
        shutil.copytree(folder, model.path, dirs_exist_ok=True)


def publish_tiny(home: Path, version: str, *, seed: int, alias: bool = True) -> None:
    """Publish a tiny classifier and a tiny autoencoder as `version`, and let `stable` name them."""
    for name, make in ((CLASSIFIER, tiny_classifier), (AUTOENCODER, tiny_autoencoder)):
        folder = home / "drafts" / f"{name}-{version}"
        make(folder, seed=seed)
        publish(f"{name}:{version}", folder)
        if alias:
            promote(home / ALIAS_FILE, name, version)
