"""The network for photographs that is served: the mean of the weights of several tunings, as it is."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from fashion.errors import InvalidValue
from tests.unit.training.tiny_data import tiny_split
from tests.unit.training.tiny_photographs import TINY_PHOTOGRAPHS, tiny_photographs
from training.machine import Machine
from training.networks.photographs import PhotographNetworkSettings
from training.photograph_classifying import PhotographClassifierSettings
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.runs import RunFolder
from training.training_run import TrainRequest, train
from training.watching import draw_run
from training.weight_averaging import mean_weights

QUIET = Console(file=StringIO())
MACHINE = Machine.choose("cpu", "fp32", threads=1)
SHORT = (*TINY_PHOTOGRAPHS, "pretraining=0")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of the released recipe, made tiny: read it, do not change it."""
    folder = tmp_path_factory.mktemp("runs")
    tuning = with_overrides(find_recipe("photograph-classifier"), [*SHORT, "epochs=1"])
    released = with_overrides(find_recipe("photograph-released"), SHORT)
    parts = {part: replace(tuning, seed_offset=own.seed_offset) for part, own in released.builds_on.items()}
    request = TrainRequest(replace(released, builds_on=parts), MACHINE, folder / "run")
    return train(request, tiny_split(), tiny_photographs(folder / "photographs"), QUIET)


def test_one_command_tunes_three_times_and_keeps_the_mean(run: RunFolder) -> None:
    parts = [run.foundation(part) for part in ("first", "second", "third")]
    tunings = [part.load_system().network.state_dict() for part in parts]

    kept = run.load_system().network.state_dict()

    assert [part.read_settings().seed for part in parts] == [0, 1, 2]
    for name in ("head.weight", next(name for name in kept if name.endswith("running_mean"))):
        assert not torch.equal(tunings[0][name], tunings[1][name])
        torch.testing.assert_close(kept[name], torch.stack([one[name] for one in tunings]).mean(dim=0))


def test_its_figures_are_its_own_and_it_is_drawn_without_a_history(run: RunFolder) -> None:
    assert run.has_ended
    assert run.history_file.read_text() == "[]\n"
    assert '"error"' in run.summary_file.read_text()
    draw_run(run, None, QUIET)


def test_networks_of_another_size_have_no_mean() -> None:
    small, large = (
        PhotographClassifierSettings(PhotographNetworkSettings(view_side=32, blocks=blocks)).build()
        for blocks in (1, 2)
    )

    with pytest.raises(InvalidValue, match="trained second is no network of this one's size"):
        mean_weights({"first": small, "second": large}, small.network)
    with pytest.raises(InvalidValue, match="came none"):
        mean_weights({}, small.network)


def test_no_epochs_are_refused_where_there_is_nothing_to_keep(tmp_path: Path) -> None:
    recipe = with_overrides(find_recipe("classifier"), ["epochs=0"])

    with pytest.raises(InvalidValue, match="classifier builds on nothing"):
        train(TrainRequest(recipe, MACHINE, tmp_path / "run"), tiny_split(), None, QUIET)

    assert not (tmp_path / "run").exists()
