"""What released models are held to: for each figure, the least that may be called done, and the aim.

A goal may bind several figures at once, as an error at a rate does. Reports print every goal beside what was
measured, met or missed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from training.report import Table


@dataclass(frozen=True, slots=True)
class Limit:
    """How far one figure of a report may go."""

    figure: str
    """Its name in the report."""
    first: float
    aim: float
    at_least: bool = False
    """Whether more is better."""
    unit: str = ""
    """Follows the number where it is shown; `%` and `points` show a share as hundredths."""

    def is_met(self, value: float, limit: float) -> bool:
        """Whether `value` is on the right side of `limit`, which itself counts as met."""
        return value >= limit if self.at_least else value <= limit

    def shown(self, value: float) -> str:
        """A value with its unit, to three significant digits and more where it has them before the point."""
        scaled = 100 * value if self.unit in ("%", "points") else value
        number = f"{scaled:.1f}" if abs(scaled) >= 100 else f"{scaled:.3g}"
        return number + {"": "", "%": "%"}.get(self.unit, f" {self.unit}")

    def bound(self, value: float) -> str:
        """A limit as it is read: `>= 50%`."""
        return f"{'>=' if self.at_least else '<='} {self.shown(value)}"


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of what a model is held to; met where all its limits are."""

    what: str
    limits: tuple[Limit, ...]

    def row(self, figures: Mapping[str, float]) -> tuple[str, str, str, str, str]:
        """What, measured, first, aim and the verdict; a figure that was not measured leaves it open."""
        first = " and ".join(limit.bound(limit.first) for limit in self.limits)
        aim = " and ".join(limit.bound(limit.aim) for limit in self.limits)
        if any(limit.figure not in figures for limit in self.limits):
            return self.what, "not measured", first, aim, "open"
        measured = " and ".join(limit.shown(figures[limit.figure]) for limit in self.limits)
        return self.what, measured, first, aim, self._verdict(figures)

    def _verdict(self, figures: Mapping[str, float]) -> str:
        if all(limit.is_met(figures[limit.figure], limit.aim) for limit in self.limits):
            return "aim met"
        met = all(limit.is_met(figures[limit.figure], limit.first) for limit in self.limits)
        return "first met" if met else "missed"


def goals_table(goals: Sequence[Goal], figures: Mapping[str, float]) -> Table:
    """Every goal beside what was measured."""
    columns = ("what", "measured", "first", "aim", "verdict")
    return Table("Held to", columns, [goal.row(figures) for goal in goals])


AUTOENCODER_GOALS: Final = (
    Goal("-ELBO, one sample, its own prior", (Limit("negative_elbo_nats", 236, 230, unit="nats"),)),
    Goal(
        "reconstruction: squared error, at KL to its own prior",
        (
            Limit("mean_squared_error", 0.0130, 0.0110),
            Limit("kl_nats", 16, 18, unit="nats"),
        ),
    ),
    Goal(
        "samples: Frechet distance to test over that between two halves of training",
        (Limit("samples_frechet_ratio", 15, 4),),
    ),
    Goal(
        "samples by label: agreement short of real pictures'",
        (Limit("label_agreement_gap", 0.04, 0.02, unit="points"),),
    ),
    Goal(
        "samples: recall over that of real pictures",
        (Limit("samples_recall_ratio", 0.5, 0.8, at_least=True),),
    ),
    Goal(
        "k-means on latents: accuracy and NMI",
        (
            Limit("k_means_accuracy", 0.54, 0.68, at_least=True, unit="%"),
            Limit("k_means_normalized_mutual_information", 0.50, 0.68, at_least=True),
        ),
    ),
    Goal(
        "its cost: dimensions, and time to decode one latent on one thread",
        (Limit("latent_size", 64, 64), Limit("milliseconds_to_decode", 1, 1, unit="ms")),
    ),
)
"""Of the released VAE; the companion of two dimensions is held to none."""

CLASSIFIER_GOALS: Final = (
    Goal(
        "test accuracy, one model, one view",
        (Limit("accuracy", 0.95, 0.965, at_least=True, unit="%"),),
    ),
    Goal(
        "its cost: parameters, and median time on one thread",
        (
            Limit("num_parameters", 1e6, 1e6),
            Limit("milliseconds_a_picture", 0.5, 0.25, unit="ms"),
        ),
    ),
    Goal(
        "the same of the mean picture: an early exit spares most of them half of the network",
        (Limit("mean_milliseconds_a_picture", 0.5, 0.25, unit="ms"),),
    ),
    Goal("calibration error, 15 bins", (Limit("calibration_error", 0.01, 0.005, unit="%"),)),
    Goal(
        "99% prediction sets: coverage and mean size",
        (
            Limit("set_coverage", 0.985, 0.985, at_least=True, unit="%"),
            Limit("set_mean_size", 1.35, 1.15),
        ),
    ),
    Goal(
        "99% prediction sets: coverage of the worst label",
        (Limit("set_coverage_worst_label", 0.0, 0.98, at_least=True, unit="%"),),
    ),
    Goal(
        "photographs: accuracy, mean of seven groups",
        (Limit("photograph_accuracy_by_group", 0.72, 0.82, at_least=True, unit="%"),),
    ),
    Goal(
        "photographs: calibration error",
        (Limit("photograph_calibration_error", 0.05, 0.03, unit="%"),),
    ),
    Goal(
        "photographs: coverage of 95% sets, at least and at most",
        (
            Limit("photograph_set_coverage", 0.93, 0.93, at_least=True, unit="%"),
            Limit("photograph_set_coverage", 0.97, 0.97, unit="%"),
        ),
    ),
    Goal(
        "called novel at 5% false alarms: handwritten digits",
        (Limit("novel_handwritten_digits", 0.90, 0.99, at_least=True, unit="%"),),
    ),
    Goal("the same: noise", (Limit("novel_uniform_noise", 0.99, 1.0, at_least=True, unit="%"),)),
    Goal(
        "the same: other photographs",
        (Limit("novel_other_photographs", 0.20, 0.50, at_least=True, unit="%"),),
    ),
)
"""Of the released classifier. Photographs have a network of their own, so that no accuracy on Fashion-MNIST
is given up for them."""
