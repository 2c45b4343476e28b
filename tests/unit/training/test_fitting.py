import json
import signal
from dataclasses import dataclass

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from fashion.errors import InvalidValue
from tests.unit.training.tiny_data import TINY, tiny_split
from training.batches import Examples
from training.checkpoints import WholeFiles
from training.classifying import ClassifierSystem
from training.fitting import Interrupted, fit
from training.machine import Machine
from training.optimisation import Optimisation
from training.progress import epoch_line
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.recipes.recipe import Recipe
from training.runs import RunFolder, RunSettings

MACHINE = Machine.choose("cpu", "fp32", threads=1)
SPLIT = tiny_split()
TRAINING, VALIDATION = Examples.of(SPLIT.train), Examples.of(SPLIT.validation)
# Everything that could make an interrupted run differ: noise in pictures and network, averaged weights.
RESTLESS = ("epochs=4", "erase=0.5", "mixup=0.2", "dropout=0.2", "average_decay=0.9")


class StopAt(Callback):
    """Presses Ctrl-C in the middle of an epoch."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


def run(path, *overrides, seed=0, resume=False, callbacks=()):
    recipe = with_overrides(find_recipe("classifier"), [*TINY, *overrides])
    settings = RunSettings.of(recipe, seed=seed, precision="fp32")
    folder = (RunFolder.resume if resume else RunFolder.start)(path, settings)
    result = fit(
        recipe, TRAINING, VALIDATION, folder, seed=seed, machine=MACHINE, resume=resume, callbacks=callbacks
    )
    return folder, result


def figures(result):
    """The history without wall time."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in result.history]


def error_of(system, examples):
    with torch.no_grad():
        parts = [(len(part), system.validation_terms(part)["error"]) for part in examples.in_order()]
    return sum(count * float(error) for count, error in parts) / len(examples)


def test_a_tiny_network_learns(tmp_path):
    _, result = run(tmp_path / "run", "epochs=8", "width=4")

    assert result.history[-1]["validation/error"] < 0.2
    assert result.history[-1]["train/total"] < result.history[0]["train/total"]


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path):
    first, second, other = (
        run(tmp_path / name, *RESTLESS, seed=seed)[1] for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )

    assert figures(first) == figures(second)
    assert figures(first) != figures(other)


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_run_that_was_interrupted_ends_exactly_like_one_that_was_not(tmp_path, optimiser):
    restless = (*RESTLESS, f"optimiser={optimiser}")
    whole_folder, whole = run(tmp_path / "whole", *restless)

    with pytest.raises(Interrupted) as stopped:
        run(tmp_path / "parts", *restless, callbacks=[StopAt(25)])  # ten steps an epoch
    folder, resumed = run(tmp_path / "parts", *restless, resume=True)

    assert stopped.value.epochs_done == 2
    assert figures(resumed) == figures(whole)
    assert (resumed.best_epoch, resumed.best_value) == (whole.best_epoch, whole.best_value)
    for ours, theirs in zip(
        folder.load_system().parameters(), whole_folder.load_system().parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_an_interruption_gives_ctrl_c_back(tmp_path):
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(Interrupted):
        run(tmp_path / "run", "epochs=2", callbacks=[StopAt(3)])

    assert signal.getsignal(signal.SIGINT) is before


class Passing(ClassifierSystem):
    """Every step adds the learning rate to its only weight: validation is best where the weight passes 32."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_terms(self, batch, progress):
        return {"total": -self.weight.sum()}

    def validation_terms(self, batch):
        return {"error": (self.weight - 32).abs().sum()}


@dataclass(frozen=True)
class PassingSettings:
    def build(self):
        return Passing()


def test_what_is_kept_is_the_best_epoch_on_validation(tmp_path):
    optimisation = Optimisation(epochs=6, batch_size=32, learning_rate=1, schedule="constant")
    recipe = Recipe("passing", "a weight on its way", PassingSettings(), optimisation)
    folder = RunFolder(tmp_path)

    result = fit(recipe, TRAINING, VALIDATION, folder, seed=0, machine=MACHINE)

    errors = [row["validation/error"] for row in result.history]
    kept = torch.load(folder.best_checkpoint, weights_only=True)["state_dict"]["system.weight"]
    assert result.best_epoch == 3  # of ten steps each
    assert result.best_value == min(errors) == errors[result.best_epoch - 1]
    assert abs(float(kept) - 32) == pytest.approx(min(errors))


def test_averaged_weights_are_what_is_validated_and_kept(tmp_path):
    folder, result = run(tmp_path / "run", "epochs=3", "average_decay=0.95")
    checkpoint = torch.load(folder.best_checkpoint, weights_only=True)
    latest = checkpoint["current_model_state"]["system.network.head.weight"]

    assert not torch.allclose(checkpoint["state_dict"]["system.network.head.weight"], latest, atol=1e-3)
    assert error_of(folder.load_system(), VALIDATION) == pytest.approx(result.best_value, abs=1e-6)


def test_training_stops_early_once_validation_has_not_improved_for_long_enough(tmp_path):
    _, result = run(
        tmp_path / "run", "epochs=30", "learning_rate=1e-12", "schedule=constant", "patience=2", "shift=0"
    )

    assert len(result.history) < 30


def test_a_folder_in_use_is_not_written_to_without_resume(tmp_path):
    run(tmp_path / "run", "epochs=1")

    with pytest.raises(InvalidValue, match="exists already: continue it with --resume"):
        run(tmp_path / "run", "epochs=1")


def test_a_run_is_not_resumed_with_other_settings(tmp_path):
    run(tmp_path / "run", "epochs=1")

    with pytest.raises(InvalidValue, match=r"optimisation\.epochs is 1 in the run and 2 now"):
        run(tmp_path / "run", "epochs=2", resume=True)


def test_a_run_from_before_a_setting_existed_can_be_resumed(tmp_path):
    folder, _ = run(tmp_path / "run", "epochs=1")
    record = json.loads(folder.settings_file.read_text())
    del record["settings"]["augmentation"]["cutmix"]
    folder.settings_file.write_text(json.dumps(record))

    run(tmp_path / "run", "epochs=1", resume=True)


def test_a_checkpoint_that_could_not_be_written_leaves_the_one_before(tmp_path):
    path = tmp_path / "last.ckpt"
    WholeFiles().save_checkpoint({"epoch": 1}, path)

    with pytest.raises(Exception, match="pickle"):
        WholeFiles().save_checkpoint({"epoch": lambda: 2}, path)

    assert torch.load(path, weights_only=True) == {"epoch": 1}


def test_an_unknown_device_or_precision_is_refused():
    with pytest.raises(InvalidValue, match="--device takes auto, cpu or cuda, not 'tpu'"):
        Machine.choose(device="tpu")
    with pytest.raises(InvalidValue, match="--precision takes auto, bf16 or fp32, not 'int8'"):
        Machine.choose(precision="int8")
    with pytest.raises(InvalidValue, match="--threads takes a number from 1 on, not 0"):
        Machine.choose(threads=0)


def test_an_epoch_is_told_in_one_line():
    row = {"epoch": 3.0, "seconds": 61.4, "learning_rate": 0.1, "train/total": 1.0, "validation/total": 2.0}

    assert epoch_line(row, 8) == "epoch 3/8, 61 s, train | validation: total 1.0000 | 2.0000"
