"""From a folder to something that answers: opens an artifact and wraps it by its kind."""

from pathlib import Path

from fashion.artifact import open_artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier

Model = Classifier | Autoencoder


def load_model(folder: Path) -> Model:
    """Open the artifact in `folder` with every check but the probe; raises what open_artifact raises."""
    artifact = open_artifact(folder)
    return Classifier(artifact) if artifact.manifest.kind == "classifier" else Autoencoder(artifact)
