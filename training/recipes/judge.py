"""The recipe of the judge: the network in whose embedding generated pictures are compared with real ones.

It is no released model's network: a model that is measured must not have been chosen by the eye that measures
it. `training/judging.py` says how it is used, docs/decisions/0321 why it lies in the repository.
"""

from typing import Final

from training.augmentation import Augmentation
from training.classifying import ClassifierSettings
from training.networks.classifiers import ResidualSettings
from training.optimisation import Optimisation
from training.recipes.recipe import Recipe

JUDGE: Final = "fashion-judge"


def judge() -> Recipe:
    """A small classifier of 64 features, taught without label smoothing, which would draw a label's features
    to one point."""
    return Recipe(
        name="judge",
        summary="small classifier whose 64 features generated pictures are measured in",
        system=ClassifierSettings(ResidualSettings(width=16, downsampling="stride")),
        optimisation=Optimisation(
            epochs=12, batch_size=128, learning_rate=5e-3, warm_up=0.2, weight_decay=2e-2, average_decay=0.999
        ),
        augmentation=Augmentation(flip=0.5, shift=2),
        released_as=JUDGE,
    )
