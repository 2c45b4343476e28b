"""The shape of a recipe: everything that decides how a model comes out, as one frozen dataclass.

A recipe is a plain function that returns one of these. Nothing here does any work; `fitting.py` reads it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fashion.errors import InvalidValue
from training.augmentation import Augmentation
from training.optimisation import Optimisation
from training.photograph_batches import PhotographCourse
from training.systems import SystemSettings

__all__ = ["Augmentation", "Optimisation", "Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One named way to train one system, with the default of every setting."""

    name: str
    summary: str
    system: SystemSettings
    optimisation: Optimisation = field(default_factory=Optimisation)
    augmentation: Augmentation | PhotographCourse = field(default_factory=Augmentation)
    """What is done to training pictures; a PhotographCourse goes with the network for photographs."""
    source: str = "this project"
    """The text or paper that the recipe comes from."""
    released_as: str | None = None
    """The model's name in the store (`fashion-classifier`); None: `fashion-` and the recipe's name."""
    quantise: bool = False
    """Whether classifiers are exported in eight-bit integers where that costs next to nothing."""
    builds_on: "Mapping[str, Recipe]" = field(default_factory=dict)
    """Recipes that are trained first, by the part that they play in the system (`System.build_on`)."""
    joins: "Mapping[str, Recipe]" = field(default_factory=dict)
    """A recipe of a network for photographs, by the name of its part, whose graphs go into the same
    artifact; left out where there are no photographs."""
    seed_offset: int = 0
    """As a part of another recipe: what is added to that one's seed, so that parts of one recipe differ."""

    def __post_init__(self) -> None:
        """Raises InvalidValue where a course before this one trains on other parts of the pictures held out:
        it would have seen what this one calibrates with."""
        for course in self._courses_before():
            theirs, ours = course.optimisation, self.optimisation
            if theirs.refit and theirs.refit_in_halves != ours.refit_in_halves:
                raise InvalidValue(
                    f"{self.name} builds on {course.name}, and would calibrate with pictures that it saw: "
                    "leave refit_in_halves as the recipe has it.",
                    field="refit_in_halves",
                )

    def _courses_before(self) -> "Iterator[Recipe]":
        for course in self.builds_on.values():
            yield course
            yield from course._courses_before()

    @property
    def parts(self) -> "Mapping[str, Recipe]":
        """Every recipe that is trained inside a run of this one."""
        return {**self.builds_on, **self.joins}
