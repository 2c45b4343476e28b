"""Which pictures a recipe trains on and is validated on."""

from training.batches import Examples, Pictures, TrainingPictures
from training.photograph_batches import TrainingPhotographs, Views
from training.photograph_classifying import PhotographClassifierSettings
from training.photographs import load_photographs
from training.recipes.recipe import Recipe
from training.senders import PhotographSplit, split_by_sender
from training.splits import Split


def load_pictures(
    recipe: Recipe, split: Split, photographs: PhotographSplit | None = None
) -> tuple[TrainingPictures, Pictures]:
    """What the recipe trains on, and what its epochs are judged by.

    Network inputs come from the split; a refit trains on both of its parts. The network for photographs is
    shown what is simulated from them, and the photographs given, or those in FASHION_PHOTOS_DIR: the training
    senders', judged by the validation senders'. Raises DatasetError where they are not there.
    """
    if not isinstance(recipe.system, PhotographClassifierSettings):
        inputs, held_out = Examples.of(split.train), Examples.of(split.validation)
        return (inputs.with_more(held_out) if recipe.optimisation.refit else inputs), held_out
    photographs = photographs or split_by_sender(load_photographs())
    side = recipe.system.network.view_side
    training = TrainingPhotographs.of(photographs.train, split.train, side)
    return training, Views.of(photographs.validation, side)
