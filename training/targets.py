"""What a command is asked to work on: a run folder, an artifact's folder, a released file, or a model of the
store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fashion.artifact import MANIFEST_FILE, Artifact, open_artifact
from fashion.classifier import Classifier
from fashion.errors import InvalidValue
from training.released_files import RELEASE_SUFFIX, opened_release
from training.runs import RunFolder
from training.store import open_stored


@contextmanager
def opened(target: str) -> Iterator[Artifact]:
    """Open the artifact that `target` names; a path wins over a tag of the same spelling.

    Raises InvalidValue where a path leads nowhere, and UnknownModel where the store has no such model.
    """
    path = Path(target)
    if path.suffix == RELEASE_SUFFIX:
        with opened_release(path) as artifact:
            yield artifact
    elif path.is_dir():
        yield own_artifact(path)
    elif len(path.parts) > 1:  # no model is called that
        raise InvalidValue(f"There is no folder {path}: name a run or an artifact.", field="target")
    else:
        yield open_stored(target)


@contextmanager
def opened_classifier(target: str | None) -> Iterator[Classifier | None]:
    """Open the classifier that `target` names, None where it names none; WrongKind for another kind."""
    if target is None:
        yield None
        return
    with opened(target) as artifact:
        yield Classifier(artifact)


@contextmanager
def opened_photographs(target: str | None) -> Iterator[RunFolder | Artifact | None]:
    """What a network for photographs is taken from: its own run, if `target` is one, or the artifact that
    `target` names; None where it names nothing."""
    if target is None:
        yield None
        return
    run = RunFolder(Path(target))
    if run.settings_file.is_file() and not run.read_settings().build_recipe().system.build().stands_alone:
        yield run
        return
    with opened(target) as artifact:
        yield artifact


def own_artifact(path: Path) -> Artifact:
    """The artifact of a run folder, or in the folder itself; raises InvalidValue where there is none."""
    if (path / MANIFEST_FILE).is_file():
        return open_artifact(path)
    run = RunFolder(path)
    run.read_settings()
    if not run.artifact.is_dir():
        raise InvalidValue(
            f"The run {path} has no artifact yet: let training end, or make one with `export`.",
            field="target",
        )
    return open_artifact(run.artifact)


def is_own(target: str) -> bool:
    """Whether the target is a folder that may still be completed, rather than a published or released
    version."""
    return Path(target).is_dir()
