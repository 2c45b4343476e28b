"""A network in two halves answers by the first where that is sure, and by both where it is not."""

from pathlib import Path

import numpy as np
import pytest

from fashion.classifier import Classifier, as_many_as_fit, softmax
from fashion.errors import DamagedArtifact
from fashion.manifest import Manifest
from fashion.preparation import Prepared
from tests.tiny_early_exit import tiny_early_exit

RANDOM = np.random.default_rng(3)
# From nearly black to nearly white, so that the halves are sure of some and not of others.
IMAGES = (RANDOM.random((40, 28, 28)) * np.linspace(5, 255, 40)[:, None, None]).astype(np.uint8)
PICTURES = [Prepared(image, "network_input") for image in IMAGES]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier(tiny_early_exit(tmp_path_factory.mktemp("early") / "artifact", confidence=0.5, seed=3))


def test_the_first_half_answers_what_it_is_sure_of_and_the_second_the_rest(classifier: Classifier) -> None:
    first, deep = (classifier.artifact.graphs[name] for name in ("classifier", "deep_classifier"))
    early, features, statistics, maps = first(IMAGES)
    (further,) = deep(maps, outputs=["logits"])
    sure = softmax(early).max(axis=1) >= 0.5

    made = classifier.outputs(PICTURES)

    assert 5 < sure.sum() < 35
    assert made.left_early is not None
    assert made.early is not None
    np.testing.assert_array_equal(made.left_early, sure)
    np.testing.assert_allclose(made.logits[sure], early[sure], rtol=1e-6)
    np.testing.assert_allclose(made.logits[~sure], further[~sure], rtol=1e-5)
    np.testing.assert_allclose(made.features, features, rtol=1e-6)
    np.testing.assert_allclose(made.early, statistics, rtol=1e-6)


def test_a_picture_alone_is_answered_as_among_others(classifier: Classifier) -> None:
    together = classifier.classify(PICTURES)
    passes = classifier.classify(PICTURES, lambda compute, some, _: as_many_as_fit(compute, some, 7))
    for picture, one, other in zip(PICTURES, together, passes, strict=True):
        (alone,) = classifier.classify([picture])
        assert alone.left_early == one.left_early == other.left_early
        np.testing.assert_allclose(alone.by_label, one.by_label, rtol=1e-5)
        np.testing.assert_allclose(other.by_label, one.by_label, rtol=1e-5)


def test_an_explanation_changes_no_answer_and_looks_at_the_second_half(classifier: Classifier) -> None:
    plain = classifier.classify(PICTURES)
    names = ("classifier", "deep_classifier", "explainer")
    first, deep, explainer = (classifier.artifact.graphs[name] for name in names)
    (evidence,) = explainer(*deep(*first(IMAGES, outputs=["stem_maps"]), outputs=["feature_maps"]))
    explanations = classifier.explain(PICTURES)
    compared = 0
    for made, (explained, heat), of_labels in zip(plain, explanations, evidence, strict=True):
        assert heat is not None
        assert explained.left_early == made.left_early
        np.testing.assert_allclose(explained.by_label, made.by_label, rtol=1e-5)
        positive = np.maximum(of_labels[made.class_index], 0)  # (7, 7), of which each makes 4x4 of the heat
        if positive.any():
            blocks = heat.reshape(7, 4, 7, 4).mean(axis=(1, 3))
            assert np.corrcoef(blocks.ravel(), positive.ravel())[0, 1] > 0.9
            compared += 1
    assert compared > 5


def test_a_photograph_without_a_network_of_its_own_goes_all_the_way(classifier: Classifier) -> None:
    photographs = [Prepared(image, "photograph") for image in IMAGES]
    first, deep = (classifier.artifact.graphs[name] for name in ("classifier", "deep_classifier"))
    (further,) = deep(*first(IMAGES, outputs=["stem_maps"]), outputs=["logits"])

    np.testing.assert_allclose(classifier.outputs(photographs).logits, further, rtol=1e-5)
    assert {made.left_early for made in classifier.classify(photographs)} == {False}
    assert [made.left_early for made in classifier.classify(photographs[-1:])] == [False]


@pytest.mark.parametrize(("confidence", "leave"), [(2.0, False), (0.01, True)])
def test_the_manifest_says_how_sure_is_sure_enough(tmp_path: Path, confidence: float, leave: bool) -> None:
    classifier = Classifier(tiny_early_exit(tmp_path / "artifact", confidence=confidence))

    assert {made.left_early for made in classifier.classify(PICTURES[:9])} == {leave}
    assert [made.left_early for made in classifier.classify(PICTURES[:1])] == [leave]


def test_two_halves_without_a_rule_and_a_rule_without_two_halves_are_refused(classifier: Classifier) -> None:
    manifest = classifier.artifact.manifest
    without_rule = manifest.model_copy(update={"early_exit": None})
    graphs = {name: spec for name, spec in manifest.graphs.items() if name != "deep_classifier"}
    without_half = manifest.model_copy(update={"graphs": graphs})
    for odd in (without_rule, without_half):
        with pytest.raises(DamagedArtifact, match="deep_classifier and early_exit come together"):
            Manifest.from_json(odd.to_json())
