"""The BentoML model store as the service sees it: where a version lies, and which versions the aliases name.

On a store, aliases live in a file beside it and move while the service runs. A built Bento carries the
versions that `stable` named when it was built, listed in its bento.yaml, and there they never move
(docs/decisions/0102).
"""

import os
from pathlib import Path
from typing import Final, Protocol

import bentoml
import yaml
from bentoml.exceptions import BentoMLException

from fashion.aliases import ALIAS_FILE, Aliases, ModelAliases, read_aliases, read_copy
from fashion.errors import AliasError, DamagedArtifact, UnknownModel

CLASSIFIER: Final = "fashion-classifier"
AUTOENCODER: Final = "fashion-vae"
SERVED: Final = (CLASSIFIER, AUTOENCODER)
# Served by name where the store has it; no route needs it, so it never decides whether the service is ready.
COMPANION: Final = "fashion-vae-2d"

# In a Bento this file is <bento>/src/service/store.py.
_BENTO_YAML: Final = Path(__file__).resolve().parents[2] / "bento.yaml"


def model_folder(tag: str) -> Path:
    """The folder of the version `tag` in the store; raises UnknownModel or DamagedArtifact."""
    try:
        # Not get(), which takes the beginning of a version for the version, and "latest" for the last.
        found = bentoml.models.list(tag)
    except (BentoMLException, OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedArtifact(f"The store's entry of {tag} cannot be read: {error}") from error
    if not found:
        raise UnknownModel(f"The store has no model {tag}: GET /models tells what is served")
    return Path(found[0].path)


class AliasSource(Protocol):
    """Something that tells what the aliases name, and when that may have changed."""

    def read(self) -> Aliases:
        """What the aliases name now; AliasError where that cannot be told."""
        ...

    def copy(self) -> Aliases | None:
        """What the last change made them name, for whoever cannot read them; None where nobody knows."""
        ...

    def stamp(self) -> object:
        """Something that differs whenever the aliases do, and costs next to nothing to get."""
        ...


class AliasFile:
    """The alias file beside the store."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Aliases:
        """See AliasSource.read."""
        return read_aliases(self._path)

    def copy(self) -> Aliases | None:
        """See AliasSource.copy."""
        return read_copy(self._path)

    def stamp(self) -> object:
        """The file's identity, size and time of change, None where there is no file."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


class PinnedAliases:
    """The versions that a Bento was built with: its only `stable`."""

    def __init__(self, bento_yaml: Path) -> None:
        self._bento_yaml = bento_yaml

    def read(self) -> Aliases:
        """See AliasSource.read."""
        try:
            described = yaml.safe_load(self._bento_yaml.read_text("utf-8"))
            tags = [
                model["tag"]
                for part in (described, *described["services"])
                for model in part.get("models", [])
            ]
            pins = dict(tag.split(":") for tag in tags)
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise AliasError(
                f"{self._bento_yaml.name} does not tell this Bento's models: build it again"
            ) from error
        return Aliases(models={name: ModelAliases(stable=version) for name, version in pins.items()})

    def copy(self) -> Aliases | None:
        """None: an image is built anew, and never runs on what another named."""
        return None

    def stamp(self) -> object:
        """Always the same: a Bento does not change."""
        return None


def alias_source() -> AliasSource:
    """The Bento's own pins where this code runs from one, else the alias file beside the store."""
    return PinnedAliases(_BENTO_YAML) if _BENTO_YAML.is_file() else AliasFile(alias_path())


def alias_path() -> Path:
    """Where the alias file lies: beside the store, in BENTOML_HOME."""
    home = os.environ.get("BENTOML_HOME") or "~/bentoml"
    return Path(os.path.expandvars(home)).expanduser() / ALIAS_FILE


def stable_tag(name: str) -> str | None:
    """The version that `stable` of `name` names, None where the store does not hold it.

    A service without models starts too, and says that it is not ready: so neither a missing version nor a
    damaged alias file is an error here.
    """
    try:
        version = alias_source().read().version(name, "stable")
    except AliasError:
        return None
    tag = f"{name}:{version}"
    return tag if version and is_in_store(tag) else None


def is_in_store(tag: str) -> bool:
    """Whether the store holds `tag` and can read its entry."""
    try:
        model_folder(tag)
    except (UnknownModel, DamagedArtifact):
        return False
    return True
