import numpy as np
from PIL import Image

from fashion.classifier import Classifier
from tests.tiny_early_exit import tiny_early_exit
from tests.unit.training.tiny_data import stripes
from training.answers import as_network_inputs
from training.costs import costs_of, costs_table
from training.mistakes import confused_labels, passing_for_garments, write_page


def test_the_page_counts_what_is_confused_and_shows_it(classifier_artifact, tmp_path):
    classifier, shown = Classifier(classifier_artifact), stripes(60)
    confused = confused_labels(classifier, shown.images, shown.labels)
    passing = passing_for_garments(classifier, np.zeros((5, 28, 28), np.uint8), ())

    page = write_page(classifier, [confused, passing], tmp_path).read_text()

    wrong = 60 - sum(
        made.class_index == label
        for made, label in zip(
            classifier.classify(as_network_inputs(shown.images)), shown.labels, strict=True
        )
    )
    assert f"{wrong} of 60 test pictures get the wrong label" in page
    assert "![Labels taken for each other](images/mistakes-fashion-mnist.png)" in page
    assert "| a digit | 5 |" in page
    with Image.open(tmp_path / "images" / "mistakes-fashion-mnist.png") as picture:
        assert picture.width > 500


def test_a_network_is_timed_with_its_novelty(classifier_artifact):
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28), dtype=np.uint8)
    (cost,) = costs_of(Classifier(classifier_artifact), images, with_photographs=True)

    assert cost.num_parameters == classifier_artifact.manifest.num_parameters
    assert cost.milliseconds > 0
    assert 0 < cost.novelty_share < 1
    assert cost.ways == ()
    assert costs_table(classifier_artifact, [cost]).rows[0][0] == "network inputs"


def test_the_ways_through_a_network_with_an_early_exit_are_timed_apart(tmp_path):
    random = np.random.default_rng(3)
    images = (random.random((40, 28, 28)) * np.linspace(5, 255, 40)[:, None, None]).astype(np.uint8)
    artifact = tiny_early_exit(tmp_path / "artifact", confidence=0.5)

    (cost,) = costs_of(Classifier(artifact), images, with_photographs=False)

    assert [name for name, _, _ in cost.ways] == ["leave early", "go all the way"]
    assert sum(share for _, share, _ in cost.ways) == 1
    assert all(milliseconds > 0 for _, _, milliseconds in cost.ways)
    assert "of network inputs leave early" in costs_table(artifact, [cost]).note
