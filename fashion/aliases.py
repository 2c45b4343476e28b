"""The movable aliases `stable` and `candidate`: a small JSON file beside the store.

Training writes it, the service reads it; versions in the store never change, only what the aliases point at.
BentoML's own aliases are fixed when a Bento is built, so they cannot promote or roll back a running service
(docs/decisions).
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fashion.errors import AliasError

ALIAS_FILE: Final = "fashion-aliases.json"
HISTORY_LENGTH: Final = 20

AliasName = Literal["stable", "candidate"]


class ModelAliases(BaseModel):
    """Where the aliases of one model point, and where its `stable` pointed before, latest last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stable: str | None = None
    candidate: str | None = None
    history: Annotated[tuple[str, ...], Field(max_length=HISTORY_LENGTH)] = ()


class Aliases(BaseModel):
    """The alias file's content: the aliases of each model by its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, ModelAliases] = Field(default_factory=dict)

    def version(self, name: str, alias: AliasName) -> str | None:
        """The version that `alias` of model `name` points at, None where it points nowhere."""
        aliases = self.models.get(name)
        return getattr(aliases, alias) if aliases else None


def read_aliases(path: Path) -> Aliases:
    """Read the alias file; no file means no aliases. AliasError where it is damaged."""
    try:
        return Aliases.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Aliases()
    except (OSError, ValidationError) as error:
        raise AliasError(
            f"{path.name} beside the store is damaged: delete it and promote the versions again, "
            f"or put back {_copy_of(path).name}, the copy that the last change left there"
        ) from error


def read_copy(path: Path) -> Aliases | None:
    """Read the copy that every change leaves beside the alias file; None where no whole one is there."""
    try:
        return Aliases.model_validate_json(_copy_of(path).read_bytes())
    except (OSError, ValidationError):
        return None


def promote(path: Path, name: str, version: str, alias: AliasName = "stable") -> Aliases:
    """Point `alias` of model `name` at `version`; what `stable` pointed at before can be rolled back to.

    The caller makes sure that the store holds the version.
    """

    def change(before: ModelAliases) -> ModelAliases:
        if alias == "candidate":
            return before.model_copy(update={"candidate": version})
        if before.stable == version:
            return before
        passed = (*before.history, before.stable) if before.stable else before.history
        candidate = None if before.candidate == version else before.candidate
        return ModelAliases(stable=version, candidate=candidate, history=passed[-HISTORY_LENGTH:])

    return _change(path, name, change)


def rollback(path: Path, name: str) -> Aliases:
    """Point `stable` of model `name` back at where it was; AliasError where it was nowhere else."""

    def change(before: ModelAliases) -> ModelAliases:
        if not before.history:
            raise AliasError(f"stable of {name} was never moved: there is nothing to roll back to")
        return before.model_copy(update={"stable": before.history[-1], "history": before.history[:-1]})

    return _change(path, name, change)


def withdraw_candidate(path: Path, name: str) -> Aliases:
    """Let `candidate` of model `name` point nowhere."""
    return _change(path, name, lambda before: before.model_copy(update={"candidate": None}))


def _change(path: Path, name: str, change: Callable[[ModelAliases], ModelAliases]) -> Aliases:
    with _lock(path):
        before = read_aliases(path)
        changed = change(before.models.get(name, ModelAliases()))
        after = Aliases(models={**before.models, name: changed})
        for target in (path, _copy_of(path)):
            draft = path.with_suffix(".new")
            draft.write_text(after.model_dump_json(indent=2) + "\n", "utf-8")
            draft.replace(target)
    return after


def _copy_of(path: Path) -> Path:
    return path.with_suffix(".copy")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one writer at a time change the file; readers need no lock, since it is replaced whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
