"""From prepared pictures, or a wish for new ones, to the answer: one function a route, each a model's call
and what the metrics count of it."""

import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder, Samples
from fashion.classifier import Classifier, InPasses, Prediction
from fashion.errors import InvalidValue
from fashion.parts import InParts
from fashion.preparation import Prepared
from service import metrics
from service.answers import (
    classify_answer,
    encode_answer,
    explain,
    generate_answer,
    generate_sheet,
    label_names,
    reconstruct_answer,
    reconstruct_sheet,
)
from service.schemas import (
    MAX_SEED,
    EncodeAnswer,
    Explanation,
    GenerateAnswer,
    GenerateOptions,
    ReconstructAnswer,
    WrittenJson,
)
from service.trial import Copy


def classify(
    tag: str,
    classifier: Classifier,
    explained: bool,
    copy: Copy | None,
    in_passes: InPasses,
    pictures: list[Prepared],
) -> WrittenJson:
    """POST /classify: a prediction for each picture, and a copy of both for whom wants it."""
    explanations: list[Explanation | None]
    if explained:
        made = classifier.explain(pictures, in_passes)
        predictions = [prediction for prediction, _ in made]
        explanations = [explain(picture, heat) for picture, (_, heat) in zip(pictures, made, strict=True)]
    else:
        predictions = classifier.classify(pictures, in_passes)
        explanations = [None] * len(predictions)
    return classified(tag, predictions, explanations, copy, pictures)


def classified(
    tag: str,
    predictions: list[Prediction],
    explanations: Sequence[Explanation | None],
    copy: Copy | None,
    pictures: list[Prepared],
) -> WrittenJson:
    """POST /classify, from predictions that are there already."""
    metrics.classified(tag, predictions)
    answer = classify_answer(tag, predictions, explanations)
    if copy:
        copy(pictures, predictions)
    return answer


def encode(tag: str, autoencoder: Autoencoder, pictures: list[Prepared]) -> EncodeAnswer:
    """POST /encode: the latent of each picture."""
    return encode_answer(tag, autoencoder.latent_size, autoencoder.encode(_stack(pictures)))


def reconstruct(
    tag: str, autoencoder: Autoencoder, as_sheet: bool, in_parts: InParts, pictures: list[Prepared]
) -> ReconstructAnswer | bytes:
    """POST /reconstruct: each picture from its posterior mean, or all on one PNG sheet."""
    images = _stack(pictures)
    made = autoencoder.reconstruct(images, in_parts)
    metrics.reconstructed(made)
    return reconstruct_sheet(images, made) if as_sheet else reconstruct_answer(tag, made)


def generate(
    tag: str, autoencoder: Autoencoder, options: GenerateOptions, as_sheet: bool, in_parts: InParts
) -> GenerateAnswer | bytes:
    """POST /generate: new samples, or the given latents decoded; as JSON or on one PNG sheet."""
    if options.latents is None:
        seed = secrets.randbelow(MAX_SEED + 1) if options.seed is None else options.seed
        samples = autoencoder.generate(
            options.count,
            label=options.label,
            seed=seed,
            temperature=options.temperature,
            in_parts=in_parts,
        )
    else:
        seed, samples = None, _decode(autoencoder, options.latents, in_parts)
    metrics.generated(label_names(samples))
    return generate_sheet(samples, options.columns) if as_sheet else generate_answer(tag, seed, samples)


def _decode(autoencoder: Autoencoder, given: list[list[float]], in_parts: InParts) -> Samples:
    for index, latent in enumerate(given):
        if len(latent) != autoencoder.latent_size:
            raise InvalidValue(
                f"latents[{index}] must hold {autoencoder.latent_size} numbers, as this model's do; "
                f"it holds {len(latent)}",
                field=f"latents[{index}]",
            )
    with np.errstate(over="ignore"):  # what does not fit 32 bits becomes infinite, and decode() refuses that
        latents = np.array(given, dtype=np.float32)
    return Samples(latents, autoencoder.decode(latents, in_parts), None)


def _stack(pictures: list[Prepared]) -> NDArray[np.uint8]:
    return np.stack([picture.network_input for picture in pictures])  # (batch, 28, 28)
