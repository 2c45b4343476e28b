import json

import pytest

from fashion.manifest import EarlyExit
from training.model_card import card
from training.report import Report, Table

REPORT = Report(
    "Classifier on the test split",
    "fashion-classifier, on 10,000 test pictures.",
    {"accuracy": 0.9512, "calibration_error": 0.008},
    [Table("By label", ("label", "recall"), [("Shirt", 0.85)]), Table("Confusion", ("true",), [("Bag",)])],
)


def front_matter(page):
    """YAML's `name: value` lines, each value of which is JSON, too, or a plain word."""
    lines = page.split("---\n")[1].splitlines()
    pairs = (line.partition(": ") for line in lines)
    return {name: json.loads(value) for name, _, value in pairs}


def test_the_results_in_the_metadata_are_the_reports(classifier_artifact):
    fields = front_matter(card(classifier_artifact.manifest, REPORT))

    (model,) = fields["model-index"]
    values = {result["metrics"][0]["type"]: result["metrics"][0]["value"] for result in model["results"]}
    assert (fields["license"], model["name"]) == ("mit", "fashion-classifier")
    assert values == {"accuracy": 0.9512, "expected_calibration_error": 0.008}
    assert fields["metrics"] == sorted(values)


def test_a_card_says_what_a_model_is_for_made_of_and_bad_at(classifier_artifact):
    page = card(classifier_artifact.manifest, REPORT)

    for heading in ("Intended use", "How it was made", "Results", "Limits", "Licence"):
        assert f"\n## {heading}\n" in page
    assert "| Shirt | 0.8500 |" in page
    assert "### Confusion" not in page
    assert "Calibrated for network inputs on 100 pictures" in page


def test_a_card_says_who_leaves_early(classifier_artifact):
    rule = EarlyExit(confidence=0.8, pictures=5_000, share=0.75, changed=0.001)
    page = card(classifier_artifact.manifest.model_copy(update={"early_exit": rule}), REPORT)

    assert "by a probability of 0.8000 or more" in page
    assert (
        "Of 5,000 pictures that training never saw, and mirrored, 75.0% leave early, 0.10% of all with"
        in page
    )
    assert "Early exit" not in card(classifier_artifact.manifest, REPORT)


@pytest.mark.parametrize("figures", [{}, {"negative_elbo_nats": 234.0}])
def test_an_autoencoder_has_a_card_too(autoencoder_artifact, figures):
    page = card(autoencoder_artifact.manifest, Report("VAE", "fashion-vae.", figures))

    assert front_matter(page)["pipeline_tag"] == "unconditional-image-generation"
    assert ("-ELBO" in page) == bool(figures)
