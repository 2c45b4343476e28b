"""Artifacts into and out of the BentoML store: the only file of training that imports bentoml.

A published version never changes. Its name tells when the artifact was made and which bytes it is, so
publishing the same artifact again, here or on another machine, gives the same version.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

import bentoml
from bentoml.exceptions import BentoMLException

from fashion.aliases import ALIAS_FILE, Aliases, AliasName, read_aliases
from fashion.aliases import promote as promote_alias
from fashion.aliases import rollback as rollback_alias
from fashion.artifact import MANIFEST_FILE, Artifact, open_artifact
from fashion.errors import UnknownModel
from training.model_card import CARD_FILE
from training.released_files import RELEASE_SUFFIX, RELEASES

MODEL_CARDS: Final = RELEASES.parent / "docs" / "model-cards"
_ALIASES: Final = ("stable", "candidate")
_VERSION: Final = "[0-9]{8}-[0-9a-f]{8}"


def publish(artifact: Artifact) -> str:
    """Put an artifact into the store and return its tag; one that is there already is left as it is."""
    manifest = artifact.manifest
    tag = f"{manifest.name}:{manifest.created:%Y%m%d}-{artifact.sha256[:8]}"
    if tag in published():
        return tag
    metadata = {
        "sha256": artifact.sha256,
        "seed": manifest.seed,
        "num_parameters": manifest.num_parameters,
        "source_commit": manifest.source_commit or "unknown",
        **manifest.metrics,
    }
    labels = {"kind": manifest.kind, "recipe": manifest.recipe.name}
    with bentoml.models.create(tag, labels=labels, metadata=metadata) as model:
        for name in (MANIFEST_FILE, *manifest.files):
            shutil.copy(artifact.folder / name, Path(model.path) / name)
        open_artifact(Path(model.path)).check_probe()
    return tag


def published(name: str | None = None) -> list[str]:
    """The tags in the store, of one model or of all."""
    try:
        return [str(model.tag) for model in bentoml.models.list(name)]
    except (BentoMLException, ValueError):  # the latter where no model can be called that
        return []


def open_stored(tag: str) -> Artifact:
    """Open `name:version`, `name:alias`, or `name` for its stable version; raises UnknownModel."""
    return open_artifact(Path(bentoml.models.get(exact_tag(tag)).path))


def exact_tag(tag: str) -> str:
    """The `name:version` in the store that a tag, a name or a name with an alias means; raises
    UnknownModel."""
    name, _, version = tag.partition(":")
    wanted = version or "stable"
    if wanted in _ALIASES:
        found = read_aliases(alias_file()).version(name, _alias(wanted))
        if found is None:
            raise UnknownModel(f"{name} has no {wanted} version: {_known(name)}.")
        wanted = found
    exact = f"{name}:{wanted}"
    if exact not in published(name):
        raise UnknownModel(f"The store holds no {exact}: {_known(name)}.")
    return exact


def promote(tag: str, alias: AliasName = "stable") -> str:
    """Point an alias at a version of the store and return its tag; raises UnknownModel."""
    exact = exact_tag(tag)
    name, _, version = exact.partition(":")
    promote_alias(alias_file(), name, version, alias)
    return exact


def rollback(name: str) -> str:
    """Point `stable` back at where it was, and return the tag; raises AliasError where it was nowhere
    else."""
    aliases: Aliases = rollback_alias(alias_file(), name)
    return f"{name}:{aliases.version(name, 'stable')}"


def release(tag: str, folder: Path = RELEASES) -> Path:
    """Export a stored version as NAME-VERSION.bentomodel, in place of other releases of that model.

    The old file goes when the new one is complete.
    """
    exact = exact_tag(tag)
    name, _, version = exact.partition(":")
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()  # BentoML takes a relative path for one below the root of a file system
    path = folder / f"{name}-{version}{RELEASE_SUFFIX}"
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        exported = bentoml.models.export_model(exact, str(Path(temporary) / path.name))
        Path(exported).replace(path)
    earlier = re.compile(rf"{re.escape(name)}-{_VERSION}{re.escape(RELEASE_SUFFIX)}")
    for old in folder.iterdir():
        if old != path and earlier.fullmatch(old.name):
            old.unlink()
    return path


def copy_card(tag: str, folder: Path = MODEL_CARDS) -> Path | None:
    """Copy a stored version's model card to NAME.md in `folder`; None where the artifact has none."""
    artifact = open_stored(tag)
    if CARD_FILE not in artifact.manifest.files:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(artifact.folder / CARD_FILE, folder / f"{artifact.manifest.name}.md"))


def alias_file() -> Path:
    """The alias file beside the store."""
    home = os.environ.get("BENTOML_HOME") or "~/bentoml"
    return Path(os.path.expandvars(home)).expanduser() / ALIAS_FILE


def _alias(word: str) -> AliasName:
    return "candidate" if word == "candidate" else "stable"


def _known(name: str) -> str:
    """What there is instead, as the end of a sentence."""
    tags = published(name)
    return f"promote or name one of {', '.join(tags)}" if tags else f"no version of {name} was published"
