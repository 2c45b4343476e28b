"""What every test stands on: where the data lies, a BentoML home of its own, and tiny real artifacts.

No test touches the user's model store. Datasets are found by the settings of `training.locations`, or in a
folder `shared` beside the checkout; tests that need one skip where it is absent.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from fashion.artifact import Artifact
from tests.tiny_artifacts import tiny_autoencoder, tiny_classifier

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
DATA_FOLDERS = {
    "FASHION_MNIST_DIR": SHARED / "fashion-mnist",
    "FASHION_PHOTOS_DIR": SHARED / "real-photos",
    "FASHION_DIGITS_DIR": SHARED / "digits",
}
BENTOML_HOME = tempfile.mkdtemp(prefix="bentoml-home-")

# Before any test module is imported: BentoML reads its settings when it is.
os.environ["BENTOML_HOME"] = BENTOML_HOME
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
for setting, folder in DATA_FOLDERS.items():
    if folder.is_dir():
        os.environ.setdefault(setting, str(folder))


def pytest_unconfigure() -> None:
    """Remove the BentoML home of this run."""
    shutil.rmtree(BENTOML_HOME, ignore_errors=True)


def data_folder(setting: str) -> Path:
    """The folder that a setting names; skips the test where there is none."""
    named = os.environ.get(setting)
    if not named or not Path(named).is_dir():
        pytest.skip(f"needs data: {setting} names no folder, and {DATA_FOLDERS[setting]} is not there")
    return Path(named)


@pytest.fixture(scope="session")
def fashion_mnist_folder() -> Path:
    """The four files of Fashion-MNIST."""
    return data_folder("FASHION_MNIST_DIR")


@pytest.fixture(scope="session")
def photographs_folder() -> Path:
    """The labelled photographs of the Clothing dataset."""
    return data_folder("FASHION_PHOTOS_DIR")


@pytest.fixture(scope="session")
def digits_folder() -> Path:
    """MNIST test digits as PNG, a folder a digit."""
    return data_folder("FASHION_DIGITS_DIR")


@pytest.fixture(scope="session")
def classifier_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A tiny classifier, shared by the run: read it, do not change it."""
    return tiny_classifier(tmp_path_factory.mktemp("artifacts") / "classifier")


@pytest.fixture(scope="session")
def autoencoder_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A tiny variational autoencoder, shared by the run: read it, do not change it."""
    return tiny_autoencoder(tmp_path_factory.mktemp("artifacts") / "autoencoder")
