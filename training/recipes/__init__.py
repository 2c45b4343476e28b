"""Recipes by name. A recipe is a function without arguments that returns a frozen `Recipe`; list it here."""

from collections.abc import Callable
from typing import Final

from fashion.errors import InvalidValue
from training.recipes.classifiers import (
    classifier,
    classifier_averaged,
    classifier_deepened,
    classifier_deepened_taught,
    classifier_early_exit,
    classifier_four_courses,
    classifier_halved,
    classifier_halved_taught,
    classifier_mixed,
    classifier_pruned,
    classifier_taught,
    classifier_whole,
)
from training.recipes.judge import judge
from training.recipes.photographs import photograph_classifier, photograph_released
from training.recipes.plane import vae_2d
from training.recipes.recipe import Recipe
from training.recipes.seeds import SEEDS
from training.recipes.vae import vae, vae_likelihood, vae_released

RECIPES: Final[dict[str, Callable[[], Recipe]]] = {
    "classifier": classifier,
    "classifier-mixed": classifier_mixed,
    "classifier-pruned": classifier_pruned,
    "classifier-early-exit": classifier_early_exit,
    "classifier-whole": classifier_whole,
    "classifier-averaged": classifier_averaged,
    "classifier-taught": classifier_taught,
    "classifier-halved": classifier_halved,
    "classifier-halved-taught": classifier_halved_taught,
    "classifier-deepened": classifier_deepened,
    "classifier-deepened-taught": classifier_deepened_taught,
    "classifier-four-courses": classifier_four_courses,
    "photograph-classifier": photograph_classifier,
    "photograph-released": photograph_released,
    "vae": vae,
    "vae-likelihood": vae_likelihood,
    "vae-released": vae_released,
    "vae-2d": vae_2d,
    "judge": judge,
    **SEEDS,
}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name with its defaults; raises InvalidValue for an unknown one."""
    if name not in RECIPES:
        raise InvalidValue(
            f"There is no recipe {name!r}; the recipes are {', '.join(RECIPES)}.", field="recipe"
        )
    return RECIPES[name]()
