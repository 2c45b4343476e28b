"""A branch learns what the whole network says; then the graph is cut where it leaves, by one rule."""

from io import StringIO
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.apps.eager import EagerArtifact
from fashion.artifact import Artifact, open_artifact
from fashion.classifier import Classifier, softmax
from fashion.errors import InvalidValue, ProbeMismatch
from tests.unit.training.tiny_data import tiny_split
from tests.unit.training.tiny_runs import fitted
from training.answers import as_network_inputs
from training.classifying import START
from training.early_exiting import EarlyExitSettings
from training.export import export_run
from training.figures.layers import network_layers
from training.halving import MAX_CHANGED, Answered, choose, exit_scale, with_early_exit
from training.networks.classifiers import ResidualSettings
from training.networks.early_exit import BranchSettings, EarlyExitClassifier
from training.quantise import quantise
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.rewriting import rewrite_artifact
from training.runs import RunFolder
from training.sources import load_pictures
from training.systems import System

SPLIT = tiny_split()
TINY_NETWORK = ("width=4", "first=0", "doublings=1", "downsampling=stride")
SIZE = ResidualSettings(width=4, doublings=1, downsampling="stride")  # that of the tiny trained run
RECIPE = with_overrides(
    find_recipe("classifier-early-exit"),
    [*TINY_NETWORK, "batch_size=32", "epochs=2", "channels=3", "hidden=6", "learning_rate=1e-2"],
)


@pytest.fixture(scope="module")
def run(trained_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A trained branch: read it, do not change it."""
    return fitted(RECIPE, SPLIT, tmp_path_factory.mktemp("runs") / "run", start(trained_run))


def start(trained: RunFolder) -> dict[str, System]:
    return {START: trained.load_system()}


@pytest.fixture
def whole(run: RunFolder, tmp_path: Path) -> Artifact:
    return export_run(run, tmp_path / "artifact")


def test_the_network_that_it_branches_off_stays_as_it_was(run: RunFolder, trained_run: RunFolder) -> None:
    system = run.load_system()
    assert isinstance(system.network, EarlyExitClassifier)
    for name, value in trained_run.load_system().network.state_dict().items():
        torch.testing.assert_close(system.network.deep.state_dict()[name], value, rtol=0, atol=0)


def test_the_branch_moves_towards_what_the_whole_network_says(run: RunFolder, trained_run: RunFolder) -> None:
    torch.manual_seed(0)
    fresh = EarlyExitSettings(SIZE, BranchSettings(3, 6)).build()
    fresh.build_on(start(trained_run))
    _, validation = load_pictures(RECIPE, SPLIT)
    batch = next(iter(validation.in_order()))
    system = run.load_system()
    with torch.no_grad():
        before, after = (each.eval().validation_terms(batch)["total"] for each in (fresh, system))
    assert after < 0.7 * before


@pytest.mark.parametrize("names", [[], ["other"], [START, "other"]])
def test_it_branches_off_one_network(names: list[str], trained_run: RunFolder) -> None:
    parts = dict.fromkeys(names, trained_run.load_system())
    with pytest.raises(InvalidValue, match="builds on one trained classifier, 'start'"):
        EarlyExitSettings(SIZE).build().build_on(parts)


@pytest.mark.parametrize("in_integers", [False, True])
def test_both_halves_compute_what_the_whole_did(whole: Artifact, in_integers: bool) -> None:
    told = Console(file=StringIO(), width=500)
    if in_integers:
        whole = quantise(whole, SPLIT, None, told, max_cost_points=100)
    images = SPLIT.calibration.images[:60]
    wanted = ["logits", "exit_logits", "features", "feature_maps", "early_statistics"]
    deep, early, features, feature_maps, statistics = whole.graphs["classifier"](images, outputs=wanted)

    cut = with_early_exit(whole, SPLIT, told)

    first, second = cut.graphs["classifier"], cut.graphs["deep_classifier"]
    scaled, *others = first(images)[:3]
    np.testing.assert_allclose(scaled, early * np.median(scaled / early), rtol=1e-4, atol=1e-4)
    for found, expected in zip(others, (features, statistics), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    maps = first(images, outputs=["stem_maps"])[0]
    assert maps.dtype == (np.uint8 if in_integers else np.float32)
    for found, expected in zip(second(maps), (deep, feature_maps), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert cut.manifest.early_exit
    assert f"at a probability of {cut.manifest.early_exit.confidence:.4f}" in told.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    cut.check_probe()


def test_what_is_cut_answers_as_its_manifest_promises(whole: Artifact) -> None:
    cut = with_early_exit(whole, SPLIT, Console(file=StringIO()))
    chosen = cut.manifest.early_exit
    assert chosen
    unseen = SPLIT.calibration.images
    both = np.concatenate([unseen, np.flip(unseen, axis=2)])
    (deep,) = open_artifact(cut.folder).graphs["deep_classifier"](
        cut.graphs["classifier"](both, outputs=["stem_maps"])[0], outputs=["logits"]
    )

    outputs = Classifier(cut).outputs(as_network_inputs(both))

    assert outputs.left_early is not None
    assert 0 < chosen.share < 1
    assert outputs.left_early.mean() == pytest.approx(chosen.share, abs=0.003)
    changed = (outputs.logits.argmax(axis=1) != deep.argmax(axis=1)).mean()
    assert changed == pytest.approx(chosen.changed, abs=0.002)
    assert changed <= MAX_CHANGED


def test_a_network_without_a_branch_is_left_whole(trained_run: RunFolder) -> None:
    artifact = open_artifact(trained_run.artifact)
    assert with_early_exit(artifact, SPLIT, Console(file=StringIO())) is artifact


def test_weights_stand_once_in_the_artifact(whole: Artifact) -> None:
    size = len((whole.folder / "classifier.onnx").read_bytes())
    cut = with_early_exit(whole, SPLIT, Console(file=StringIO()))
    graphs = [onnx.load(cut.folder / f"{name}.onnx").graph for name in ("classifier", "deep_classifier")]
    names = [{tensor.name for tensor in graph.initializer if tensor.dims} for graph in graphs]
    assert all(any("weight" in name for name in own) for own in names)
    assert not any("weight" in name for name in names[0] & names[1])
    assert sum((cut.folder / f"{name}.onnx").stat().st_size for name in cut.manifest.graphs) < 1.5 * size


def test_a_probe_that_integers_do_not_reproduce_is_refused(whole: Artifact) -> None:
    told = Console(file=StringIO())
    cut = with_early_exit(quantise(whole, SPLIT, None, told, max_cost_points=100), SPLIT, told)
    spec = cut.manifest.graphs["classifier"]
    assert spec.quantisation
    name = "classifier/output/stem_maps"
    wrong = cut.arrays(cut.manifest.probe.file)[name].copy()
    wrong[0, 0, 0, 0] ^= 128  # half of all steps away

    assert spec.quantisation.rounding_steps < 128
    with pytest.raises(ProbeMismatch, match="output stem_maps is off by up to 128"):
        rewrite_artifact(cut, {}, {}, {name: wrong})


def test_the_torch_peer_of_the_benchmark_goes_the_same_ways(whole: Artifact) -> None:
    cut = with_early_exit(whole, SPLIT, Console(file=StringIO()))
    eager = EagerArtifact(cut.folder, cut.manifest, cut.sha256)
    pictures = as_network_inputs(SPLIT.validation.images)
    served, in_torch = (Classifier(artifact).outputs(pictures) for artifact in (cut, eager))

    np.testing.assert_allclose(in_torch.logits, served.logits, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(in_torch.features, served.features, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(in_torch.left_early, served.left_early)


def test_both_halves_layers_are_drawn(whole: Artifact) -> None:
    cut = with_early_exit(whole, SPLIT, Console(file=StringIO()))
    layers = network_layers(cut, "classifier", SPLIT.validation.images[:1])
    deep = [number for number, layer in enumerate(layers) if layer.name.endswith(", second half")]

    assert deep == list(range(deep[0], len(layers)))
    assert {layer.shape for layer in layers if layer.operator == "Gemm"} == {(10,)}
    assert layers[-1].sources == (len(layers) - 2,)


def logits_with(confidences: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits whose softmax has these highest probabilities, at these labels."""
    probabilities = np.repeat(((1 - confidences) / 9)[:, None], 10, axis=1)
    probabilities[np.arange(len(labels)), labels] = confidences
    return np.log(probabilities).astype(np.float32)


def test_as_many_leave_as_the_rule_allows_and_no_more() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 4_000)
    confidences = random.uniform(0.2, 0.999, 4_000)
    # The less sure, the more often the whole network says something else.
    others = random.random(4_000) > confidences + 0.3
    deep = logits_with(np.full(4_000, 0.9), np.where(others, (labels + 1) % 10, labels))
    early = logits_with(confidences, labels)

    chosen = choose(Answered(early, deep, labels))

    certainties = softmax(early).max(axis=1)
    changed = others & (certainties >= chosen.confidence)
    assert changed.sum() == MAX_CHANGED * 4_000
    assert chosen.changed == MAX_CHANGED
    next_one = others & (certainties < chosen.confidence)
    assert chosen.share == pytest.approx((certainties > certainties[next_one].max()).mean())
    assert chosen.pictures == 2_000  # each was seen twice


def test_equals_leave_together_or_not_at_all() -> None:
    labels = np.zeros(3_000, np.int64)
    confidences = np.repeat([0.9, 0.8, 0.7], 1_000)
    early, deep = logits_with(confidences, labels), logits_with(np.full(3_000, 0.9), labels)
    deep[1_500:1_510] = logits_with(np.full(10, 0.9), labels[:10] + 1)  # ten of those of 0.8 change

    chosen = choose(Answered(early, deep, labels))

    assert 0.8 < chosen.confidence < 0.9
    assert chosen.share == pytest.approx(1 / 3)
    assert chosen.changed == 0


def test_the_branch_is_scaled_until_one_temperature_suits_both_halves() -> None:
    random = np.random.default_rng(0)
    deep = random.normal(scale=3, size=(6_000, 10)).astype(np.float32)
    early = (deep / 2).astype(np.float32)  # half as sure as it should be
    certainties = softmax(early).max(axis=1)
    unsure = certainties < np.quantile(certainties, 0.4)
    deep[unsure] = np.roll(deep[unsure], 1, axis=1)  # where the whole network says something else
    labels = np.array([random.choice(10, p=row) for row in softmax(deep)])

    assert exit_scale(Answered(early, deep, labels)) == pytest.approx(2, rel=0.1)


def test_nobody_leaves_where_the_surest_are_wrong() -> None:
    labels = np.zeros(50, np.int64)
    early, deep = logits_with(np.full(50, 0.9), labels), logits_with(np.full(50, 0.9), labels + 1)

    chosen = choose(Answered(early, deep, labels))

    assert (chosen.confidence, chosen.share, chosen.changed) == (2.0, 0.0, 0.0)
