from io import StringIO

import numpy as np
import pytest
import torch
from rich.console import Console
from rich.style import Style
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.unit.training.tiny_data import TINY, stripes
from training.batches import Examples
from training.fitting import fit
from training.machine import Machine
from training.previews import beside, half_blocks
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.runs import RunFolder, RunSettings
from training.watching import draw_run, watchers

RECIPES = {
    "classifier": ("classifier", *TINY, "epochs=2"),
    "autoencoder": ("ms-robot", "hidden=[8]", "batch_size=32", "epochs=2"),
}


def watched(kind, folder, watching=True):
    """Trains a tiny run and gives its folder, its history and what was printed."""
    name, *overrides = RECIPES[kind]
    recipe = with_overrides(find_recipe(name), overrides)
    run = RunFolder.start(folder, RunSettings.of(recipe, seed=0, precision="fp32"))
    printed = StringIO()
    console = Console(file=printed, width=120)
    training, validation = Examples.of(stripes(96)), Examples.of(stripes(64, seed=1))
    callbacks = watchers(console) if watching else []
    machine = Machine("cpu", "fp32")
    result = fit(recipe, training, validation, run, seed=0, machine=machine, callbacks=callbacks)
    return run, result.history, printed.getvalue()


@pytest.fixture(scope="module", params=RECIPES)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def run(kind, tmp_path_factory):
    return watched(kind, tmp_path_factory.mktemp("watched") / "run")


def test_a_run_that_is_watched_ends_as_one_that_is_not(kind, run, tmp_path):
    _, history, _ = run
    _, alone, _ = watched(kind, tmp_path / "alone", watching=False)

    for seen, unseen in zip(history, alone, strict=True):
        assert {**seen, "seconds": 0} == {**unseen, "seconds": 0}


def test_every_epoch_prints_pictures_and_what_they_are(kind, run):
    _, _, printed = run

    captions = {"classifier": "(is ", "autoencoder": "an original, and its reconstruction"}
    assert printed.count(captions[kind]) in (2, 4)  # two pictures of a classifier in one caption
    assert "▒" in printed


def test_tensorboard_gets_every_kind_of_summary(kind, run):
    folder, _, _ = run
    events = EventAccumulator(str(folder.tensorboard))
    events.Reload()
    tags = events.Tags()

    assert tags["graph"]
    assert any(name.startswith("network/") for name in tags["histograms"])
    assert "pictures/original" in tags["images"]
    assert "_hparams_/session_start_info" in events.summary_metadata
    if kind == "classifier":
        assert "confusion matrix" in tags["images"]
        assert "precision and recall/Ankle boot" in tags["tensors"]
    else:
        assert {"pictures/reconstructed", "pictures/sampled"} <= set(tags["images"])


def test_a_picture_becomes_half_as_many_lines_with_two_pixels_a_character():
    image = np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    text = half_blocks(image)

    assert text.plain == "▀▀\n"
    first = text.spans[0].style
    assert isinstance(first, Style)
    assert first.color is not None
    assert first.bgcolor is not None
    assert first.color.triplet is not None
    assert first.bgcolor.triplet is not None
    assert (first.color.triplet.red, first.bgcolor.triplet.red) == (0, 255)


def test_without_colours_shades_stand_for_the_mean_of_two_pixels():
    image = np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]], dtype=np.float32)

    assert half_blocks(image, colours=False).plain == " █▒\n"


def test_pictures_stand_beside_each_other_with_a_gap():
    joined = beside([np.ones((28, 28), np.float32), np.ones((28, 28), np.float32)])

    assert joined.shape == (28, 58)
    assert joined[:, 28:30].sum() == 0


def test_watching_takes_nothing_from_the_random_numbers_of_training(kind, run):
    """What the first test shows for a whole run, where it would break first."""
    from training.looking import sampled_latent

    name, *overrides = RECIPES["autoencoder"]
    system = with_overrides(find_recipe(name), overrides).system.build()
    before = torch.random.get_rng_state()
    sampled_latent(system, torch.zeros(2, 28, 28), 3)

    assert torch.equal(before, torch.random.get_rng_state())


def test_a_finished_run_is_drawn_into_its_folder_and_says_where(own_run, fashion_mnist_folder):
    printed = StringIO()
    draw_run(own_run, fashion_mnist_folder, Console(file=printed, width=200))

    drawn = {path.name for path in (own_run.path / "figures").iterdir()}
    assert {"loss-curves.png", "loss-curves.svg", "confusion-matrix.png"} <= drawn
    assert f"figures:    {own_run.path / 'figures'}" in printed.getvalue()


def test_a_run_without_an_artifact_of_its_own_is_not_drawn(tmp_path):
    printed = StringIO()
    draw_run(RunFolder(tmp_path), None, Console(file=printed))

    assert printed.getvalue() == ""
    assert list(tmp_path.iterdir()) == []
