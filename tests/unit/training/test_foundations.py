"""A recipe that builds on others: one command trains all, a finished run is taken, a wrong one is not."""

import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from fashion.artifact import open_artifact
from fashion.errors import InvalidValue
from tests.unit.training.test_autoencoders import TINY
from tests.unit.training.tiny_data import tiny_split
from training.autoencoding import VariationalSettings
from training.classifying import START
from training.foundations import parsed_uses, trained_already
from training.machine import Machine
from training.networks.classifiers import ResidualSettings
from training.recipes.classifiers import classifier
from training.recipes.overrides import with_overrides
from training.recipes.recipe import Recipe
from training.recipes.vae import vae_likelihood, vae_released
from training.runs import RunFolder
from training.texturing import AUTOENCODER, CRITIC, TexturingSettings
from training.training_run import TrainRequest, train

SHORT = ("epochs=1", "batch_size=32")


def tiny_recipe() -> Recipe:
    small = ResidualSettings(width=2, doublings=1)
    first = replace(with_overrides(vae_likelihood(), SHORT), system=VariationalSettings(TINY))
    critic = with_overrides(classifier(), [*SHORT, "width=2", "doublings=1", "downsampling=pool", "epochs=4"])
    texturing = TexturingSettings(TINY, small, grain_size=2, discriminator_width=2)
    parts = {AUTOENCODER: first, CRITIC: critic}
    return replace(with_overrides(vae_released(), SHORT), system=texturing, builds_on=parts)


def request(folder: Path, **changes: object) -> TrainRequest:
    asked = TrainRequest(tiny_recipe(), Machine.choose("cpu", "fp32", threads=1), folder)
    return replace(asked, **changes)  # type: ignore[arg-type]  # fields of it


def trained(asked: TrainRequest) -> RunFolder:
    return train(asked, tiny_split(), None, Console(file=StringIO()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A whole run that ended: read it, do not change it."""
    return trained(request(tmp_path_factory.mktemp("runs") / "run"))


def test_the_parts_are_trained_first_into_the_run_s_own_folder(run: RunFolder) -> None:
    assert [run.foundation(part).artifact.is_dir() for part in (AUTOENCODER, CRITIC)] == [True, True]
    first = run.foundation(AUTOENCODER).load_system()
    encoder = run.load_system().network.get_submodule("encoder.content")
    torch.testing.assert_close(encoder.state_dict(), first.network.get_submodule("encoder").state_dict())


def test_the_manifest_tells_the_settings_of_every_part(run: RunFolder) -> None:
    manifest = open_artifact(run.artifact).manifest
    assert manifest.recipe.settings[CRITIC]["recipe"] == "classifier"
    assert manifest.recipe.settings[AUTOENCODER]["optimisation"]["epochs"] == 1
    assert manifest.num_parameters == sum(p.numel() for p in run.load_system().network.parameters())


def test_taking_finished_runs_gives_the_weights_and_the_prior_of_training_them(
    run: RunFolder, tmp_path: Path
) -> None:
    uses = {part: run.foundation(part).path for part in (AUTOENCODER, CRITIC)}
    again = trained(request(tmp_path / "again", uses=uses))
    torch.testing.assert_close(
        again.load_system().network.state_dict(), run.load_system().network.state_dict(), rtol=0, atol=0
    )
    assert (again.artifact / "prior.npz").read_bytes() == (run.artifact / "prior.npz").read_bytes()


def test_a_resumed_run_trains_only_the_part_that_is_missing(run: RunFolder, tmp_path: Path) -> None:
    stopped = RunFolder(Path(shutil.copytree(run.path, tmp_path / "stopped")))
    shutil.rmtree(stopped.foundation(CRITIC).path)
    stopped.last_checkpoint.unlink()
    first = stopped.foundation(AUTOENCODER).last_checkpoint.stat().st_mtime_ns
    resumed = trained(request(stopped.path, resume=True))
    assert stopped.foundation(AUTOENCODER).last_checkpoint.stat().st_mtime_ns == first
    torch.testing.assert_close(
        resumed.load_system().network.state_dict(), run.load_system().network.state_dict(), rtol=0, atol=0
    )


def test_a_run_of_another_seed_is_not_taken(run: RunFolder, tmp_path: Path) -> None:
    uses = {CRITIC: run.foundation(CRITIC).path}
    with pytest.raises(InvalidValue, match=r"is not the run .* seed is 0 in the run and 1 now"):
        trained(request(tmp_path / "other", uses=uses, seed=1))
    assert not (tmp_path / "other").exists()


def test_an_unknown_part_is_refused_with_the_known_ones(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="builds on no 'judge'; its parts: autoencoder, critic"):
        trained(request(tmp_path / "other", uses={"judge": run.path}))


def test_a_run_that_has_not_ended_is_not_taken(run: RunFolder, tmp_path: Path) -> None:
    unfinished = Path(shutil.copytree(run.foundation(CRITIC).path, tmp_path / "unfinished"))
    (unfinished / "summary.json").unlink()  # an artifact may be exported before training has ended
    with pytest.raises(InvalidValue, match="has not ended"):
        trained(request(tmp_path / "other", uses={CRITIC: unfinished}))


def test_what_one_part_trained_is_there_for_another(run: RunFolder) -> None:
    settings, parts = run.read_settings(), tiny_recipe().builds_on
    later = replace(parts[AUTOENCODER], builds_on={START: parts[CRITIC]})
    other = replace(later, builds_on={START: with_overrides(parts[CRITIC], ["epochs=5"])})

    assert trained_already(run, later, settings) == {START: run.foundation(CRITIC).path}
    assert trained_already(run, other, settings) == {}
    assert trained_already(run, later, replace(settings, seed=1)) == {}


def test_uses_are_parts_and_runs() -> None:
    assert parsed_uses(["critic=runs/a=b"]) == {"critic": Path("runs/a=b")}


@pytest.mark.parametrize("wrong", ["critic", "=runs/a", "critic="])
def test_a_malformed_use_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidValue, match="--use takes PART=RUN"):
        parsed_uses([wrong])
