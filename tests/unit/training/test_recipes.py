import dataclasses

import pytest

from fashion.errors import InvalidValue
from training.recipes import RECIPES, find_recipe
from training.recipes.overrides import flat_settings, settings_of, with_overrides, with_settings


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_carries_the_name_it_is_listed_under_and_always_comes_out_the_same(name):
    assert find_recipe(name).name == name
    assert find_recipe(name) == find_recipe(name)


@pytest.mark.parametrize("name", RECIPES)
def test_settings_survive_the_way_through_json(name):
    recipe = find_recipe(name)

    assert with_settings(recipe, settings_of(recipe)) == recipe


@pytest.mark.parametrize("name", RECIPES)
def test_only_the_last_course_trains_a_network_for_photographs(name):
    for course in find_recipe(name).builds_on.values():
        assert not course.joins, f"{course.name} would train for an hour what nobody serves"


def test_a_setting_is_overridden_by_its_full_name_or_by_its_last_part():
    recipe = find_recipe("classifier")

    full = with_overrides(recipe, ["optimisation.epochs=3"])
    short = with_overrides(recipe, ["epochs=3"])

    assert full.optimisation.epochs == short.optimisation.epochs == 3
    assert full == dataclasses.replace(
        recipe, optimisation=dataclasses.replace(recipe.optimisation, epochs=3)
    )


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("epochs", "name=value"),
        ("epoch=3", "no setting 'epoch'"),
        ("epochs=-1", "greater than or equal to 0"),
        ("epochs=three", "valid integer"),
        ("epochs=2.5", "valid integer"),
        ("flip=1.5", "less than or equal to 1"),
        ("learning_rate=0", "greater than 0"),
        ("learning_rate=Infinity", "finite"),
        ("optimiser=adam", "'adamw'"),
        ("augmentation=1", "no setting"),
    ],
)
def test_a_bad_override_is_refused_with_a_sentence_that_says_what_was_expected(assignment, told):
    with pytest.raises(InvalidValue) as refusal:
        with_overrides(find_recipe("classifier"), [assignment])

    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_unknown_recipe_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(InvalidValue, match="no recipe 'resnet'; the recipes are classifier, "):
        find_recipe("resnet")


def test_every_setting_has_a_dotted_name():
    names = flat_settings(find_recipe("classifier"))

    assert {"system.network.width", "optimisation.epochs", "augmentation.shift"} <= names.keys()


def test_settings_of_what_a_recipe_trained_before_are_refused():
    recipe = find_recipe("classifier-halved")
    settings = settings_of(recipe)
    del settings["system"]["second_half"]

    with pytest.raises(InvalidValue, match=r"have no system\.second_half"):
        with_settings(recipe, settings)


def test_a_setting_that_is_younger_than_a_run_has_its_default():
    recipe = find_recipe("classifier")
    settings = settings_of(recipe)
    del settings["augmentation"]["erase"], settings["system"]["network"]["first"]

    assert with_settings(recipe, settings) == recipe
