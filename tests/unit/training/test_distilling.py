"""Distillation: the student's targets are what its teachers say together, about the pictures it sees."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from fashion.errors import InvalidValue
from tests.unit.training.test_autoencoders import TINY as TINY_AUTOENCODER
from tests.unit.training.tiny_data import tiny_split
from training.augmentation import plain
from training.autoencoding import VariationalSettings
from training.classifying import START, ClassifierSettings, ClassifierSystem
from training.distilling import DistilledSettings, DistilledSystem
from training.fitting import fit
from training.machine import Machine
from training.networks.classifiers import ResidualSettings
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.recipes.recipe import Recipe
from training.runs import RunFolder, RunSettings
from training.sources import load_pictures
from training.training_run import TrainRequest, train

SPLIT = tiny_split()
TINY_COURSE = ("width=2", "first=0", "doublings=1", "batch_size=32", "epochs=1")
SIZE = ResidualSettings(width=2, doublings=1)
BATCH = plain(torch.tensor(SPLIT.train.images[:40]), torch.tensor(SPLIT.train.labels[:40]))


def teacher(seed: int) -> ClassifierSystem:
    torch.manual_seed(seed)
    system = ClassifierSettings(SIZE).build()
    for _ in range(3):  # norms that have seen something
        system.network(torch.rand(32, 28, 28))
    return system.eval()


def student(*teachers: ClassifierSystem, teachers_share: float = 1.0) -> DistilledSystem:
    torch.manual_seed(9)
    made = DistilledSettings(SIZE, teachers_share).build()
    made.build_on({START: teachers[0]} | {f"other-{n}": other for n, other in enumerate(teachers[1:])})
    made.look_at([BATCH])
    return made


def test_one_teacher_whose_weights_it_has_leaves_nothing_to_learn() -> None:
    alone = student(teacher(1)).eval()

    terms = alone.training_terms(BATCH, 0.0)

    assert terms["total"].item() == pytest.approx(0, abs=1e-6)
    assert terms["error"] == terms["taught_error"]


def test_the_target_is_the_geometric_mean_of_all_teachers() -> None:
    first, second = teacher(1), teacher(2)
    taught = student(first, second).eval()
    ours, theirs = (system.network(BATCH.images).logits.softmax(dim=1) for system in (first, second))
    mean = (ours * theirs).sqrt()
    mean = mean / mean.sum(dim=1, keepdim=True)
    answered = taught.network(BATCH.images).logits.softmax(dim=1)

    divergence = (mean * (mean / answered).log()).sum(dim=1).mean()

    torch.testing.assert_close(taught.training_terms(BATCH, 0.0)["total"], divergence)


def test_without_a_share_of_theirs_the_target_is_the_label() -> None:
    alone = student(teacher(1), teacher(2), teachers_share=0.0).eval()

    cross_entropy = alone.validation_terms(BATCH)["total"]

    torch.testing.assert_close(alone.training_terms(BATCH, 0.0)["total"], cross_entropy)


def test_teachers_are_neither_trained_nor_kept() -> None:
    first, second = teacher(1), teacher(2)
    taught = student(first, second)

    taught.training_terms(BATCH, 0.0)["total"].backward()

    sizes = [sum(p.numel() for p in system.parameters()) for system in (taught, first)]
    assert sizes[0] == sizes[1]
    assert taught.state_dict().keys() == first.state_dict().keys()
    assert all(parameter.grad is None for system in (first, second) for parameter in system.parameters())


def test_it_starts_from_the_mean_of_its_teachers_weights() -> None:
    first, second = teacher(1), teacher(2)

    started = student(first, second).network.state_dict()

    ours, theirs = first.network.state_dict(), second.network.state_dict()
    for name in ("head.weight", "body.0.1.running_mean"):
        torch.testing.assert_close(started[name], (ours[name] + theirs[name]) / 2)


def test_a_smaller_student_starts_from_the_channels_that_matter_most() -> None:
    first, second = teacher(1), teacher(2)
    taught = DistilledSettings(replace(SIZE, width=1, first=2)).build()
    taught.build_on({START: first, "averaged": second})

    taught.look_at([BATCH])

    mean = (first.network.state_dict()["head.weight"] + second.network.state_dict()["head.weight"]) / 2
    kept = taught.network.state_dict()["head.weight"]
    assert kept.shape == (10, 2)
    assert all(any(torch.equal(column, theirs) for theirs in mean.T) for column in kept.T)
    assert taught.training_terms(BATCH, 0.0)["total"] > 0


def test_lessons_need_teachers_of_one_kind_and_size_that_the_student_fits_into() -> None:
    with pytest.raises(InvalidValue, match="came none"):
        DistilledSettings(SIZE).build().build_on({})
    other = VariationalSettings(TINY_AUTOENCODER).build()
    with pytest.raises(InvalidValue, match="trained autoencoder is no network of this one's size"):
        DistilledSettings(SIZE).build().build_on({"autoencoder": other})
    odd = ClassifierSettings(replace(SIZE, width=3)).build()
    with pytest.raises(InvalidValue, match="trained averaged is no network of this one's size"):
        DistilledSettings(SIZE).build().build_on({START: teacher(1), "averaged": odd})
    larger = DistilledSettings(replace(SIZE, width=3)).build()
    larger.build_on({START: teacher(1)})
    with pytest.raises(InvalidValue, match="pruned to fewer channels"):
        larger.look_at([BATCH])


def tiny_taught(seed_offset: int) -> Recipe:
    """`classifier-taught` with its own parts, and much smaller; what both of them go on from has no parts."""
    start = replace(with_overrides(find_recipe("classifier-whole"), TINY_COURSE), builds_on={})
    taught = with_overrides(find_recipe("classifier-taught"), TINY_COURSE)
    averaged = with_overrides(taught.builds_on["averaged"], TINY_COURSE)
    averaged = replace(averaged, builds_on={START: start}, seed_offset=seed_offset)
    return replace(taught, builds_on={START: start, "averaged": averaged})


@pytest.mark.parametrize("seed_offset", [0, 1])
def test_what_two_parts_build_on_is_trained_once_for_a_seed(tmp_path: Path, seed_offset: int) -> None:
    machine = Machine.choose("cpu", "fp32", threads=1)
    request = TrainRequest(tiny_taught(seed_offset), machine, tmp_path / "run")

    run = train(request, SPLIT, None, Console(file=StringIO()))

    first, second = run.foundation(START), run.foundation("averaged").foundation(START)
    assert second.read_settings().seed == seed_offset
    # What it took tells one run from another of the same settings.
    same = first.history_file.read_text() == second.history_file.read_text()
    assert same == (seed_offset == 0)


def test_a_run_tells_how_often_its_teachers_are_wrong(tmp_path: Path) -> None:
    recipe = with_overrides(find_recipe("classifier-pruned"), TINY_COURSE)
    folder = RunFolder.start(tmp_path / "run", RunSettings.of(recipe, seed=0, precision="fp32"))
    training, validation = load_pictures(recipe, SPLIT)
    teachers = {START: teacher(1), "averaged": teacher(2)}

    machine = Machine.choose("cpu", "fp32", threads=1)
    result = fit(recipe, training, validation, folder, seed=0, machine=machine, foundations=teachers)

    assert 0 < result.history[-1]["train/taught_error"] < 1
    assert folder.load_system().state_dict().keys() == teacher(1).state_dict().keys()
