"""Logits to answers: calibrated, with sets and novelty, each kind of input by its own fit."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pytest

from fashion.classifier import MOST_VIEWS, Classifier, as_many_as_fit, softmax
from fashion.engine import Array, Graph
from fashion.manifest import Manifest
from fashion.novelty import Distance, NoveltyScore, Outputs
from fashion.preparation import Prepared
from tests.tiny_artifacts import CHANNELS, VIEW_SIDE, tiny_classifier

T = TypeVar("T")


def pictures(count: int, kind: str = "network_input") -> list[Prepared]:
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return [Prepared(network_input=image, kind=kind) for image in images]  # type: ignore[arg-type]  # a Literal


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier(tiny_classifier(tmp_path_factory.mktemp("classifier") / "artifact"))


def test_probabilities_sum_to_one_and_the_label_is_the_most_probable(classifier: Classifier) -> None:
    for made in classifier.classify(pictures(9)):
        assert made.probabilities.sum() == pytest.approx(1)
        assert made.class_index == made.probabilities.argmax()
        assert made.probability == made.probabilities.max()


def test_a_batch_of_one_equals_a_row_of_many(classifier: Classifier) -> None:
    many = classifier.classify(pictures(5))
    for picture, row in zip(pictures(5), many, strict=True):
        (alone,) = classifier.classify([picture])
        np.testing.assert_allclose(alone.probabilities, row.probabilities, rtol=1e-5)
        assert alone.prediction_set == row.prediction_set
        assert alone.novelty == row.novelty


@pytest.mark.parametrize("threshold", [0.05, 0.4, 1.1], ids=["many labels", "few labels", "none"])
def test_many_pictures_answers_are_those_of_a_few(tmp_path: Path, threshold: float) -> None:
    """Those of many come from arrays, those of a few from plain floats."""

    def change(manifest: Manifest) -> Manifest:
        fit = manifest.calibration["network_input"]
        assert fit is not None
        fit = fit.model_copy(
            update={"set_thresholds": (threshold,) * 10, "confidence_curve": (0.5, 0.7, 0.5)}
        )
        return manifest.model_copy(update={"calibration": {"network_input": fit}})

    classifier = Classifier(tiny_classifier(tmp_path / "artifact", change=change))
    random = np.random.default_rng(8)
    logits, features = (
        random.normal(scale=3, size=(60, width)).astype(np.float32) for width in (10, CHANNELS)
    )
    many = Outputs(logits, features, left_early=random.random(60) < 0.5)
    together = classifier.predictions(many, "network_input")
    for row, made in enumerate(together):
        assert many.left_early is not None
        left_early = many.left_early[row : row + 1]
        few = Outputs(many.logits[row : row + 1], many.features[row : row + 1], left_early=left_early)
        (alone,) = classifier.predictions(few, "network_input")
        np.testing.assert_allclose(made.by_label, alone.by_label, rtol=1e-12)
        assert made._replace(by_label=alone.by_label) == alone
        assert list(map(type, made)) == list(map(type, alone))


def test_many_pictures_of_a_kind_without_a_fit_say_so_too(classifier: Classifier) -> None:
    known, unknown = pictures(30), pictures(30, "photograph")
    mixed = [picture for pair in zip(known, unknown, strict=True) for picture in pair]
    for made, coverage in zip(classifier.classify(mixed), [0.99, None] * 30, strict=True):
        assert made.coverage == coverage
    for made in classifier.classify(unknown):
        assert (made.novelty, made.in_distribution) == (None, None)
        assert made.prediction_set == (made.class_index,)


def test_the_passes_of_many_pictures_change_nothing_but_last_digits(classifier: Classifier) -> None:
    sizes: list[int] = []

    def in_passes(
        compute: Callable[[Sequence[Prepared]], T], some: Sequence[Prepared], most: int, /
    ) -> list[T]:
        assert most > 20
        sizes.extend(len(some[start : start + 7]) for start in range(0, len(some), 7))
        return as_many_as_fit(compute, some, 7)

    together, apart = classifier.classify(pictures(20)), classifier.classify(pictures(20), in_passes)
    assert sizes == [7, 7, 6]
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_allclose(other.by_label, one.by_label, rtol=1e-5)
        assert other._replace(by_label=one.by_label) == one


def test_the_fitted_temperature_is_applied(classifier: Classifier) -> None:
    (made,) = classifier.classify(pictures(1))
    logits = classifier.outputs(pictures(1)).logits
    np.testing.assert_allclose(made.probabilities, softmax(0.5 * logits)[0])


def test_a_prediction_set_holds_all_labels_past_their_threshold_most_probable_first(
    classifier: Classifier,
) -> None:
    for made in classifier.classify(pictures(9)):
        inside = {index for index, probability in enumerate(made.probabilities) if probability >= 0.05}
        assert set(made.prediction_set) == inside
        assert list(made.prediction_set) == sorted(inside, key=lambda index: -made.probabilities[index])


def test_a_prediction_set_is_never_empty(tmp_path: Path) -> None:
    def unreachable(manifest: Manifest) -> Manifest:
        fit = manifest.calibration["network_input"]
        assert fit is not None
        strict = fit.model_copy(update={"set_thresholds": (1.1,) * 10})
        return manifest.model_copy(update={"calibration": {"network_input": strict}})

    (made,) = Classifier(tiny_classifier(tmp_path / "strict", change=unreachable)).classify(pictures(1))
    assert made.prediction_set == (made.class_index,)


def test_a_kind_without_a_fit_says_so(classifier: Classifier) -> None:
    known, unknown = classifier.classify([*pictures(1), *pictures(1, "photograph")])
    assert (known.coverage, unknown.coverage) == (0.99, None)
    assert (unknown.novelty, unknown.in_distribution) == (None, None)
    assert unknown.prediction_set == (unknown.class_index,)
    assert (known.prepared_as, unknown.prepared_as) == ("network_input", "photograph")


def test_novelty_grows_with_the_distance_from_the_nearest_class() -> None:
    means = np.array([[0.0, 0.0], [10.0, 0.0]])
    score = NoveltyScore(Distance(np.eye(2), means), distance_weight=1, energy_weight=0)
    features = np.array([[0, 0], [10, 1], [5, 0], [0, 30]], dtype=np.float32)
    np.testing.assert_allclose(score(Outputs(np.zeros((4, 2)), features)), [0, 1, 5, 30], atol=1e-3)


def test_the_first_layers_distance_adds_to_novelty_where_the_network_gives_it() -> None:
    origin = Distance(np.eye(1), np.zeros((1, 1)))
    score = NoveltyScore(origin, origin, distance_weight=1, energy_weight=0, early_weight=2)
    logits, features, early = (np.array([[value]], dtype=np.float32) for value in (0.0, 3.0, 4.0))
    np.testing.assert_allclose(score(Outputs(logits, features, early)), [3 + 2 * 4])


def test_novelty_grows_as_the_logits_lose_energy() -> None:
    score = NoveltyScore(Distance(np.eye(1), np.zeros((1, 1))), distance_weight=0, energy_weight=1)
    sure, unsure = score(Outputs(np.array([[9.0, 0.0], [0.1, 0.0]]), np.zeros((2, 1), dtype=np.float32)))
    assert unsure > sure


def test_novelty_is_the_share_of_calibration_pictures_that_look_less_unusual(classifier: Classifier) -> None:
    far = np.full((1, CHANNELS), 1e6, dtype=np.float32)
    logits = np.zeros((1, 10), dtype=np.float32)
    (made,) = classifier.predictions(Outputs(logits, far), "network_input")
    assert made.novelty == 1
    assert made.in_distribution is False


def test_an_explanation_is_a_map_of_the_pictures_size_with_its_peak_at_one(classifier: Classifier) -> None:
    for made, heat in classifier.explain(pictures(4)):
        assert heat is not None
        assert heat.shape == (28, 28)
        assert heat.min() >= 0
        assert heat.max() == pytest.approx(1) or heat.max() == 0
        assert made.class_index == made.probabilities.argmax()


def test_explaining_does_not_change_the_answer(classifier: Classifier) -> None:
    explained = [made.class_index for made, _ in classifier.explain(pictures(4))]
    assert explained == [made.class_index for made in classifier.classify(pictures(4))]


def test_a_network_for_photographs_answers_for_photographs_alone(tmp_path: Path) -> None:
    both = Classifier(tiny_classifier(tmp_path / "both", photographs=True))
    assert both.view_side == VIEW_SIDE
    (picture,) = pictures(1)
    view = np.random.default_rng(1).integers(0, 256, (VIEW_SIDE, VIEW_SIDE, 3), dtype=np.uint8)
    photograph = Prepared(picture.network_input, "photograph", view)
    mixed = both.classify([photograph, picture, photograph])
    assert [made.prepared_as for made in mixed] == ["photograph", "network_input", "photograph"]
    np.testing.assert_allclose(mixed[0].probabilities, mixed[2].probabilities)
    assert not np.allclose(mixed[0].probabilities, mixed[1].probabilities)
    np.testing.assert_allclose(mixed[1].probabilities, both.classify([picture])[0].probabilities, rtol=1e-5)


def test_a_photograph_without_the_view_that_its_network_needs_is_refused(tmp_path: Path) -> None:
    both = Classifier(tiny_classifier(tmp_path / "both", photographs=True))
    with pytest.raises(ValueError, match=f"view_side={VIEW_SIDE}"):
        both.classify(pictures(1, "photograph"))


class WatchedGraph:
    """A real graph that remembers how many pictures it was called with."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.spec, self.sizes = graph, graph.spec, list[int]()

    def __call__(self, *arrays: Array, outputs: list[str] | None = None) -> list[Array]:
        self.sizes.append(len(arrays[0]))
        return self.graph(*arrays, outputs=outputs)


def test_many_photographs_go_through_their_network_a_few_at_a_time(tmp_path: Path) -> None:
    artifact = tiny_classifier(tmp_path / "both", photographs=True)
    graphs = cast(dict[str, Any], artifact.graphs)
    watched = graphs["photograph_classifier"] = WatchedGraph(artifact.graphs["photograph_classifier"])
    both = Classifier(artifact)
    views = np.random.default_rng(1).integers(0, 256, (6, VIEW_SIDE, VIEW_SIDE, 3), dtype=np.uint8)
    photographs = [Prepared(np.zeros((28, 28), np.uint8), "photograph", view) for view in views]

    together, explained = both.classify(photographs), both.explain(photographs)

    assert watched.sizes == [MOST_VIEWS, 6 - MOST_VIEWS] * 2
    for photograph, made, (also, _) in zip(photographs, together, explained, strict=True):
        np.testing.assert_allclose(made.by_label, both.classify([photograph])[0].by_label, rtol=1e-5)
        np.testing.assert_allclose(also.by_label, made.by_label, rtol=1e-5)
