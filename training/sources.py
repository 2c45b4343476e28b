"""Which pictures a recipe trains on and is validated on."""

from fashion.artifact import Artifact
from training.batches import Examples, Pictures, TrainingPictures
from training.photograph_batches import TrainingPhotographs, Views
from training.photograph_classifying import PhotographClassifierSettings
from training.photographs import load_photographs
from training.recipes.recipe import Recipe
from training.senders import PhotographSplit, split_by_sender
from training.splits import Split, refit_in_halves, refit_whole


def load_pictures(
    recipe: Recipe, split: Split, photographs: PhotographSplit | None = None
) -> tuple[TrainingPictures, Pictures]:
    """What the recipe trains on, and what its epochs are judged by.

    Network inputs come from the split; a refit trains on validation's as well, or on half of them. The
    network for photographs is shown what is simulated from them, and the photographs given, or those in
    FASHION_PHOTOS_DIR: the training senders', judged by the validation senders'. Raises DatasetError where
    they are not there.
    """
    if not isinstance(recipe.system, PhotographClassifierSettings):
        parts = parts_of(recipe, split)
        return Examples.of(parts.train), Examples.of(parts.validation)
    photographs = photographs or split_by_sender(load_photographs())
    side = recipe.system.network.view_side
    training = TrainingPhotographs.of(photographs.train, split.train, side)
    return training, Views.of(photographs.validation, side)


def parts_of(recipe: Recipe, split: Split) -> Split:
    """What the recipe trains on and calibrates with."""
    return _parts(split, refit=recipe.optimisation.refit, in_halves=recipe.optimisation.refit_in_halves)


def parts_of_artifact(artifact: Artifact, split: Split) -> Split:
    """The same of the recipe that an artifact was made by."""
    settings = artifact.manifest.recipe.settings.get("optimisation", {})
    return _parts(split, refit=settings.get("refit", False), in_halves=settings.get("refit_in_halves", False))


def _parts(split: Split, *, refit: bool, in_halves: bool) -> Split:
    if not refit:
        return split
    return refit_in_halves(split) if in_halves else refit_whole(split)
