"""The run folder: where one training run keeps everything, and how a later command finds it again.

settings.json     recipe, settings, seed, precision, data: what must be equal for the run to be continued
last.ckpt         everything needed to continue; best.ckpt: the best epoch on validation
history.json      every epoch's terms; summary.json: the figures of the kept weights
tensorboard/      scalars
artifact/         the exported model, once training has ended
foundations/      a run folder for each recipe that is part of this one (`foundations.py`)
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from fashion.errors import InvalidValue
from training.batches import derived_seed
from training.dataset import CHECKSUMS
from training.recipes import find_recipe
from training.recipes.overrides import settings_of, with_settings
from training.recipes.recipe import Recipe
from training.systems import System

_WEIGHTS_STREAM = 1 << 20  # beyond any epoch number, so that initial weights share no stream with an epoch


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What decides how a run comes out."""

    recipe: str
    settings: dict[str, Any]
    seed: int
    precision: str
    data: dict[str, str] = field(default_factory=dict)
    """MD5 of every dataset file."""
    limit: int | None = None
    """How many training pictures were used, if not all."""

    @classmethod
    def of(cls, recipe: Recipe, *, seed: int, precision: str, limit: int | None = None) -> "RunSettings":
        """The settings of a run about to start."""
        return cls(recipe.name, settings_of(recipe), seed, precision, dict(CHECKSUMS), limit)

    def build_recipe(self) -> Recipe:
        """The recipe with the settings of this run; raises InvalidValue where this release does not know
        them."""
        try:
            return with_settings(find_recipe(self.recipe), self.settings)
        except KeyError as error:
            raise InvalidValue(f"The run's settings lack the section {error}.", field="settings") from error

    def differences(self, other: "RunSettings") -> list[str]:
        """The settings that differ, as sentences."""
        ours, theirs = self._facts(), other._facts()
        return [
            f"{name} is {theirs.get(name)!r} in the run and {ours.get(name)!r} now"
            for name in sorted(ours.keys() | theirs.keys())
            if ours.get(name) != theirs.get(name)
        ]

    def _facts(self) -> dict[str, Any]:
        """Everything by dotted name; settings that are younger than the run have their defaults."""
        return _flat({**asdict(self), "settings": settings_of(self.build_recipe())})


class RunFolder:
    """Names and reads the files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings_file = path / "settings.json"
        self.last_checkpoint = path / "last.ckpt"
        self.best_checkpoint = path / "best.ckpt"
        self.history_file = path / "history.json"
        self.summary_file = path / "summary.json"
        self.tensorboard = path / "tensorboard"
        self.artifact = path / "artifact"

    def foundation(self, part: str) -> "RunFolder":
        """Where the run of a recipe is that is part of this one."""
        return RunFolder(self.path / "foundations" / part)

    @property
    def has_ended(self) -> bool:
        """Whether training has, which its figures tell: an artifact may be exported before."""
        return self.summary_file.is_file()

    @classmethod
    def start(cls, path: Path, settings: RunSettings) -> "RunFolder":
        """Make the folder of a new run; raises InvalidValue if something is there already."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InvalidValue(
                f"{path} exists already: continue it with --resume, or choose another --out.", field="--out"
            )
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        write_json(folder.settings_file, asdict(settings))
        return folder

    @classmethod
    def resume(cls, path: Path, settings: RunSettings) -> "RunFolder":
        """The folder of an interrupted run; raises InvalidValue unless its settings are the same."""
        folder = cls(path)
        if different := settings.differences(folder.read_settings()):
            raise InvalidValue(
                f"{path} cannot be resumed with other settings: {'; '.join(different)}.", field="--resume"
            )
        return folder

    def read_settings(self) -> RunSettings:
        """The settings that the run was started with; raises InvalidValue if the folder holds no run."""
        try:
            return RunSettings(**json.loads(self.settings_file.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise InvalidValue(
                f"{self.path} is no run folder: it has no settings.json.", field="RUN"
            ) from error
        except (ValueError, TypeError) as error:
            raise InvalidValue(f"{self.settings_file} is damaged: {error}.", field="RUN") from error

    def load_system(self) -> System:
        """The system with the weights of the best epoch, in evaluation mode on the CPU."""
        if not self.best_checkpoint.exists():
            raise InvalidValue(
                f"{self.path} holds no best.ckpt yet: let it train for an epoch first.", field="RUN"
            )
        settings = self.read_settings()
        system = build_system(settings.build_recipe(), settings.seed)
        state = torch.load(self.best_checkpoint, map_location="cpu", weights_only=True)["state_dict"]
        system.load_state_dict({name.removeprefix("system."): value for name, value in state.items()})
        return system.eval()


def build_system(recipe: Recipe, seed: int) -> System:
    """A freshly initialised system whose weights are a function of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, _WEIGHTS_STREAM))
        return recipe.system.build()


def new_run_path(recipe_name: str) -> Path:
    """Where a run goes unless told otherwise: `runs/`, by recipe and start."""
    return Path("runs") / f"{recipe_name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def write_json(path: Path, value: Any) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: leaf
        for key, item in value.items()
        for name, leaf in _flat(item, f"{prefix}.{key}" if prefix else key).items()
    }
