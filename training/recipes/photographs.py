"""Recipes of the network that answers for photographs, in the same artifact as the classifier's."""

from dataclasses import replace

from training.optimisation import Optimisation
from training.photograph_batches import PhotographCourse
from training.photograph_classifying import PhotographClassifierSettings
from training.recipes.recipe import Recipe


def photograph_classifier() -> Recipe:
    """One tuning: ImageNet's trunk learns photographs, and some that are simulated among them."""
    return Recipe(
        name="photograph-classifier",
        summary="network of its own for photographs; needs FASHION_PHOTOS_DIR, joins a classifier on export",
        system=PhotographClassifierSettings(label_smoothing=0.1),
        optimisation=Optimisation(
            epochs=18,
            batch_size=32,
            learning_rate=5e-4,
            warm_up=0.1,
            weight_decay=5e-2,
            gradient_clip=5.0,
            average_decay=0.998,
            keep_last=True,
        ),
        augmentation=PhotographCourse(pictures_per_epoch=1_920, pretraining=0.0, simulated=0.15),
    )


def photograph_released() -> Recipe:
    """The one that is served: the mean of three tunings' weights, as it is."""
    tuning = photograph_classifier()
    return replace(
        tuning,
        name="photograph-released",
        summary="the network for photographs behind the release: tunes three times, keeps the mean",
        optimisation=replace(tuning.optimisation, epochs=0),
        builds_on={
            "first": tuning,
            "second": replace(tuning, seed_offset=1),
            "third": replace(tuning, seed_offset=2),
        },
    )
