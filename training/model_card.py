"""The model card: what a model is, learned from and is good for, for people who meet it outside this project.

It is Markdown with the metadata that Hugging Face reads (a front matter of YAML with a `model-index`), made
of the manifest and of the report on the test split alone, so that no figure in it is typed by hand. It
travels in the artifact as `README.md`; `release` copies it to `docs/model-cards/`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fashion.manifest import Calibration, EarlyExit, Manifest, ModelKind
from training.report import Report, Table

CARD_FILE: Final = "README.md"

_WHERE_FROM: Final = """\
Published and served by fashion-service, which also trains it: the recipe below, with every setting in
`manifest.json`, makes it again from the dataset."""

_CLASSIFIER_USES: Final = """\
- Names the garment on a 28x28 picture in the manner of Fashion-MNIST, or on a photograph of one garment,
  among ten labels; says how sure it is, and whether the picture looks like what it knows.
- For study, for demonstrations, and as a yardstick of serving systems.
- Not for decisions about people, and not for garments that the ten labels do not name: hats, skirts and
  shorts have none, and get one of the ten all the same."""

_CLASSIFIER_LIMITS: Final = """\
- The ten labels overlap (Shirt with T-shirt/top, Pullover and Coat): most mistakes lie there, and the
  table by label shows how many.
- Photographs come from one public dataset, nearly all of garments laid out or hung; worn garments,
  several on one picture, and other cultures' clothing were not measured.
- Probabilities, prediction sets and novelty hold for pictures like those they were fitted on, for network
  inputs and for photographs apart.
- Footwear in the photographs has no finer label: any of three answers counts as right there."""

_AUTOENCODER_USES: Final = """\
- Turns 28x28 pictures in the manner of Fashion-MNIST into a few numbers and back, and draws new ones, by
  label where it is asked to; latents may be mixed, walked between and decoded.
- For study and demonstrations; its pictures are no designs and show no real product. They would be copies
  if `nearest_training_distance_ratio` were near 0.
- Not for measuring likelihood of what is no 28x28 picture on black: a VAE may find such pictures likely."""

_AUTOENCODER_LIMITS: Final = """\
- Pictures are 28x28 grey; fine texture and print are lost on the way through the latents. What a model with
  a textured mode draws has texture that is made up.
- Latents were learned without labels. The prior was fitted by label afterwards, and a textured mode was shown
  to a classifier: neither figure of labels is one of unlabelled learning, but those of k-means are.
- Frechet distance, precision and recall are in the embedding of this project's judge: they cannot be set
  beside those of other projects, but beside those of real pictures, which the table does.
- What is drawn repeats the dataset's taste: one shop's catalogue of about 2017."""

_LICENCE: Final = """\
MIT. Fashion-MNIST is Zalando's (MIT); the Clothing dataset of A. Grigorev, where photographs were learned
from, is in the public domain (CC0). A classifier's network for photographs started from EfficientNet-Lite0
(TensorFlow's weights, Apache 2.0), which had learned from ImageNet."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A headline figure as Hugging Face lists it."""

    figure: str
    """Its name in the report."""
    metric: str
    """The metric's type there."""
    name: str
    dataset: str = "Fashion-MNIST"


@dataclass(frozen=True, slots=True)
class Story:
    """What is told of every model of a kind; whatever is measured comes from the report."""

    pipeline: str
    tags: Sequence[str]
    figures: Sequence[Figure]
    """In order; those that the report does not have are left out."""
    uses: str
    limits: str
    tables: Sequence[str]
    """Titles of the report's tables that belong into a card."""


STORIES: Final[Mapping[ModelKind, Story]] = {
    "classifier": Story(
        pipeline="image-classification",
        tags=("image-classification", "fashion", "calibrated", "conformal-prediction", "out-of-distribution"),
        figures=(
            Figure("accuracy", "accuracy", "accuracy"),
            Figure("calibration_error", "expected_calibration_error", "calibration error, 15 bins"),
            Figure("set_coverage", "coverage", "coverage of 99% prediction sets"),
            Figure("set_mean_size", "mean_set_size", "mean size of 99% prediction sets"),
            Figure(
                "photograph_accuracy_by_group",
                "accuracy",
                "accuracy, mean of seven groups",
                "Clothing dataset, senders held out",
            ),
        ),
        uses=_CLASSIFIER_USES,
        limits=_CLASSIFIER_LIMITS,
        tables=(
            "Held to",
            "By label",
            "Photographs, senders never seen",
            "What is no garment",
            "Cost, on one thread",
        ),
    ),
    "autoencoder": Story(
        pipeline="unconditional-image-generation",
        tags=("image-generation", "autoencoder", "variational-autoencoder", "fashion"),
        figures=(
            Figure("negative_elbo_nats", "negative_elbo", "-ELBO, nats a picture"),
            Figure("importance_bound_nats", "nll", "importance-weighted bound, binarised pixels, nats"),
            Figure("mean_squared_error", "mse", "squared error of the reconstruction"),
            Figure("structural_similarity", "ssim", "SSIM of the reconstruction"),
            Figure("samples_frechet_distance", "fid", "Frechet distance of samples, embedding of a judge"),
            Figure("samples_recall", "recall", "recall of samples, embedding of a judge"),
            Figure("label_agreement", "accuracy", "samples whose label a classifier sees"),
            Figure("k_means_accuracy", "accuracy", "k-means on latents"),
        ),
        uses=_AUTOENCODER_USES,
        limits=_AUTOENCODER_LIMITS,
        tables=("Held to", "Figures", "Samples among real pictures", "Samples by label"),
    ),
}


def card(manifest: Manifest, report: Report) -> str:
    """The page, from the manifest and the report on the test split."""
    story = STORIES[manifest.kind]
    parts = [
        _front_matter(manifest, story, report),
        f"# {manifest.name}",
        f"{manifest.description[0].upper()}{manifest.description[1:]}. " + _WHERE_FROM,
        "## Intended use",
        story.uses,
        "## How it was made",
        _bullets(_making(manifest)),
        "## Results",
        report.subject,
        *(_table(table) for table in report.all_tables() if table.title in story.tables),
        "## Limits",
        story.limits,
        "## Licence",
        _LICENCE,
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(manifest: Manifest, story: Story, report: Report) -> str:
    """YAML, of which JSON is a part: nothing has to be quoted by hand."""
    fields: dict[str, Any] = {
        "license": "mit",
        "library_name": "onnx",
        "pipeline_tag": story.pipeline,
        "tags": list(story.tags),
        "datasets": ["zalando-datasets/fashion_mnist"],
        "metrics": sorted({figure.metric for figure in story.figures if figure.figure in report.figures}),
        "model-index": [{"name": manifest.name, "results": _results(story, report)}],
    }
    return "\n".join(["---", *(f"{name}: {json.dumps(value)}" for name, value in fields.items()), "---"])


def _results(story: Story, report: Report) -> list[dict[str, Any]]:
    return [
        {
            "task": {"type": story.pipeline},
            "dataset": {"name": figure.dataset, "type": "fashion_mnist", "split": "test"}
            if figure.dataset == "Fashion-MNIST"
            else {"name": figure.dataset, "type": "image-folder"},
            "metrics": [
                {"type": figure.metric, "name": figure.name, "value": round(report.figures[figure.figure], 5)}
            ],
        }
        for figure in story.figures
        if figure.figure in report.figures
    ]


def _making(manifest: Manifest) -> list[str]:
    recipe, data = manifest.recipe.name, ", ".join(f"{file} `{md5}`" for file, md5 in manifest.data.items())
    files = ", ".join(f"`{graph.file}`" for graph in manifest.graphs.values())
    integers = ", ".join(f"`{graph.file}`" for graph in manifest.graphs.values() if graph.quantisation)
    return [
        f"Recipe `{recipe}`, seed {manifest.seed}, source commit {manifest.source_commit or 'unknown'}.",
        f"{manifest.num_parameters:,} parameters in all, as ONNX graphs: {files}.",
        f"Computed in eight-bit integers: {integers or 'none of them'}.",
        *_early_exit(manifest.early_exit),
        f"Data, by MD5: {data}.",
        *(_calibration(kind, fit) for kind, fit in manifest.calibration.items() if fit is not None),
    ]


def _early_exit(rule: EarlyExit | None) -> list[str]:
    if rule is None:
        return []
    sentence = (
        f"Early exit: `classifier.onnx` answers what it is sure of, by a probability of "
        f"{rule.confidence:.4f} or more; the rest goes on to `deep_classifier.onnx`. Of {rule.pictures:,} "
        f"pictures that training never saw, and mirrored, {rule.share:.1%} leave early, {rule.changed:.2%} "
        f"of all with another label than the whole network's."
    )
    return [sentence]


def _calibration(kind: str, fit: Calibration) -> str:
    return (
        f"Calibrated for {kind.replace('_', ' ')}s on {fit.count:,} pictures that training never saw "
        f"({fit.source}): prediction sets for {fit.coverage:.0%}, novelty for "
        f"{1 - fit.novelty_threshold:.0%} of false alarms."
    )


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _table(table: Table) -> str:
    return table.as_markdown().replace("## ", "### ", 1)
