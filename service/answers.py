"""What the models say, as the answers that clients see: labels for indices, base64 PNGs for arrays."""

import base64
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from fashion.autoencoder import Latents, Reconstruction, Samples
from fashion.classifier import Heat, Prediction
from fashion.labels import LABELS
from fashion.preparation import Prepared
from fashion.sheets import comparison_sheet, contact_sheet, heat_image, overlay, png_bytes, to_uint8
from service.schemas import (
    EncodeAnswer,
    Explanation,
    GenerateAnswer,
    Latent,
    ReconstructAnswer,
    ReconstructionAnswer,
    SampleAnswer,
    WrittenJson,
)

_SHEET_COLUMNS: Final = 16

# The values come from our own models, so the answers are built without being validated again.


def classify_answer(
    model: str, predictions: Sequence[Prediction], explanations: Sequence[Explanation | None]
) -> WrittenJson:
    """The answer of POST /classify, a ClassifyAnswer, written at once: of all answers it is the one whose
    time counts, and pydantic writes plain dictionaries in a third of the time that its own objects take to be
    made and written.
    """
    rows = list(map(_as_plain, predictions, explanations))
    return WrittenJson(to_json({"model": model, "predictions": rows}))


def _as_plain(made: Prediction, explanation: Explanation | None) -> dict[str, Any]:
    """A PredictionAnswer's fields, in its order."""
    return {
        "label": LABELS[made.class_index],
        "class_index": made.class_index,
        "probability": made.by_label[made.class_index],
        "probabilities": dict(zip(LABELS, made.by_label, strict=True)),
        "prediction_set": [LABELS[index] for index in made.prediction_set],
        "coverage": made.coverage,
        "novelty": made.novelty,
        "in_distribution": made.in_distribution,
        "prepared_as": made.prepared_as,
        "explanation": explanation,
    }


def explain(picture: Prepared, heat: Heat | None) -> Explanation | None:
    """Pictures of where the evidence lies; None for a network without a class activation map."""
    if heat is None:
        return None
    seen = picture.network_input if picture.view is None else picture.view
    return Explanation.model_construct(
        network_input=_base64_png(picture.network_input),
        class_activation_map=_base64_png(heat_image(heat)),
        overlay=_base64_png(overlay(seen, heat)),
    )


def encode_answer(model: str, latent_size: int, latents: Latents) -> EncodeAnswer:
    """The answer of POST /encode."""
    means = latents.mean.tolist()
    log_variances = [None] * len(means) if latents.log_variance is None else latents.log_variance.tolist()
    rows = [
        Latent.model_construct(mean=mean, log_variance=log_variance)
        for mean, log_variance in zip(means, log_variances, strict=True)
    ]
    return EncodeAnswer.model_construct(model=model, latent_size=latent_size, latents=rows)


def reconstruct_answer(model: str, made: Reconstruction) -> ReconstructAnswer:
    """The answer of POST /reconstruct."""
    rows = [
        ReconstructionAnswer.model_construct(
            image=_base64_png(image),
            mean_squared_error=float(made.mean_squared_error[row]),
            reconstruction_nats=_row(made.reconstruction_nats, row),
            kl_nats=_row(made.kl_nats, row),
        )
        for row, image in enumerate(to_uint8(made.images))
    ]
    return ReconstructAnswer.model_construct(model=model, reconstructions=rows)


def reconstruct_sheet(images: NDArray[np.uint8], made: Reconstruction) -> bytes:
    """The PNG answer of POST /reconstruct: network inputs (batch, 28, 28) above their reconstructions."""
    return png_bytes(comparison_sheet(images, to_uint8(made.images), _SHEET_COLUMNS))


def label_names(samples: Samples) -> list[str | None]:
    """The label of each sample, None where there is none."""
    if samples.labels is None:
        return [None] * len(samples.images)
    return [LABELS[index] for index in samples.labels]


def generate_answer(model: str, seed: int | None, samples: Samples) -> GenerateAnswer:
    """The answer of POST /generate."""
    images = to_uint8(samples.images)
    rows = [
        SampleAnswer.model_construct(image=_base64_png(image), latent=latent, label=label)
        for image, latent, label in zip(images, samples.latents.tolist(), label_names(samples), strict=True)
    ]
    return GenerateAnswer.model_construct(model=model, seed=seed, samples=rows)


def generate_sheet(samples: Samples, columns: int | None) -> bytes:
    """The PNG answer of POST /generate."""
    return png_bytes(contact_sheet(to_uint8(samples.images), columns))


def _base64_png(image: NDArray[np.uint8]) -> str:
    return base64.b64encode(png_bytes(image)).decode()


def _row(values: NDArray[Any] | None, row: int) -> float | None:
    return None if values is None else float(values[row])
