"""The shape of a recipe: everything that decides how a model comes out, as one frozen dataclass.

A recipe is a plain function that returns one of these. Nothing here does any work; `fitting.py` reads it.
"""

from dataclasses import dataclass, field
from typing import Literal

from training.augmentation import Augmentation
from training.systems import SystemSettings


@dataclass(frozen=True, slots=True)
class Optimisation:
    """How the weights are moved."""

    epochs: int = 8
    batch_size: int = 256
    optimiser: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: float = 1e-2
    """The highest of the schedule."""
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    warm_up: float = 0.3
    """Share of all steps over which the learning rate rises; then it falls along a cosine to zero."""
    weight_decay: float = 1e-2
    """On weights of two dimensions and more; biases and norms are left alone."""
    gradient_clip: float = 0.0
    """Largest norm of the gradient; 0 leaves it as it is."""
    average_decay: float = 0.0
    """Decay per step of the exponential moving average of the weights that is evaluated and kept; 0: none."""
    patience: int = 0
    """Epochs without a better validation figure before stopping early; 0: train to the end."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One named way to train one system, with the default of every setting."""

    name: str
    summary: str
    system: SystemSettings
    optimisation: Optimisation = field(default_factory=Optimisation)
    augmentation: Augmentation = field(default_factory=Augmentation)
    source: str = "this project"
    """The text or paper that the recipe comes from."""
    released_as: str | None = None
    """The model's name in the store (`fashion-classifier`); None: `fashion-` and the recipe's name."""
