"""The names under /v2/models: which tensors each takes and gives, and what it runs.

One name is one signature, because the protocol's clients send every input and expect every output that the
metadata names; so an artifact with several uses has several names, of the same versions. All of them run the
code of the endpoints beside them (docs/decisions/0301).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier, InPasses, Prediction
from fashion.inputs import SIDE, PrepareMode
from fashion.labels import LABELS, NUM_LABELS
from fashion.models import Model
from fashion.preparation import Prepared
from service import metrics
from service.batching import passes
from service.exchange import Exchange
from service.inference_protocol.tensors import Tensor, TensorType
from service.pictures import prepare_pictures
from service.schemas import MAX_COUNT
from service.settings import Settings
from service.store import AUTOENCODER, CLASSIFIER

Tensors = Mapping[str, Tensor]

_IMAGES: Final = TensorType("images", "UINT8", (SIDE, SIDE))
_PICTURES: Final = TensorType("images", "BYTES")
_PREDICTED: Final = (
    TensorType("label", "BYTES"),
    TensorType("class_index", "INT64"),
    TensorType("probabilities", "FP64", (NUM_LABELS,)),
    TensorType("prediction_set", "BOOL", (NUM_LABELS,)),
    TensorType("coverage", "FP64"),
    TensorType("novelty", "FP64"),
    TensorType("in_distribution", "INT8"),
)
_LOST: Final = (TensorType("reconstruction_nats", "FP64"), TensorType("kl_nats", "FP64"))


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as what runs a model needs it."""

    exchange: Exchange
    settings: Settings
    tag: str
    prepare: PrepareMode
    inline: bool

    @property
    def in_passes(self) -> InPasses:
        """How POST /classify takes many pictures through the network: a few at a time."""
        return partial(passes, self.settings.batch_pictures, self.exchange.in_parts)


@dataclass(frozen=True, slots=True)
class ProtocolModel:
    """What a name under /v2/models stands for."""

    catalogue_name: str
    input: Callable[[Any], TensorType]
    outputs: Callable[[Any], tuple[TensorType, ...]]
    run: Callable[[Call, Any, Any], Tensors]
    takes_latents: bool = False
    decodes: bool = False
    """Whether latents are decoded, which takes longer than anything else does for a row."""

    def max_rows(self, settings: Settings) -> int:
        """How many rows a request may hold: as many as pictures or latents elsewhere."""
        return MAX_COUNT if self.takes_latents else settings.max_pictures

    def small_rows(self, settings: Settings) -> int:
        """How many rows are computed in the event loop's own thread."""
        return settings.small_latents if self.decodes else settings.small_request_pictures


def _classify_images(call: Call, classifier: Classifier, images: NDArray[np.uint8]) -> Tensors:
    pictures = [Prepared(image, "network_input") for image in images]
    metrics.prepared(call.exchange, pictures)
    outputs = classifier.outputs(pictures, call.in_passes)
    predictions = classifier.predictions(outputs, "network_input")
    metrics.classified(call.tag, predictions)
    return {
        **_predicted(predictions),
        "logits": outputs.logits,
        "features": outputs.features,
    }


def _classify_pictures(call: Call, classifier: Classifier, pictures: Sequence[bytes]) -> Tensors:
    prepared = prepare_pictures(
        call.exchange, pictures, call.prepare, classifier.view_side, call.settings, inline=call.inline
    )
    metrics.prepared(call.exchange, prepared)
    predictions = classifier.classify(prepared, call.in_passes)
    metrics.classified(call.tag, predictions)
    return {**_predicted(predictions), "prepared_as": [made.prepared_as.encode() for made in predictions]}


def _predicted(predictions: Sequence[Prediction]) -> dict[str, Tensor]:
    sets = np.zeros((len(predictions), NUM_LABELS), dtype=np.bool_)
    for row, made in enumerate(predictions):
        sets[row, list(made.prediction_set)] = True
    return {
        "label": [LABELS[made.class_index].encode() for made in predictions],
        "class_index": np.array([made.class_index for made in predictions], dtype=np.int64),
        "probabilities": np.array([made.by_label for made in predictions]),
        "prediction_set": sets,
        # None becomes NaN: not a number.
        "coverage": np.array([made.coverage for made in predictions], dtype=np.float64),
        "novelty": np.array([made.novelty for made in predictions], dtype=np.float64),
        "in_distribution": np.array([_in_distribution(made) for made in predictions], dtype=np.int8),
    }


def _in_distribution(made: Prediction) -> int:
    return -1 if made.in_distribution is None else int(made.in_distribution)


def _reconstruct(call: Call, autoencoder: Autoencoder, images: NDArray[np.uint8]) -> Tensors:
    _count(call, images)
    made = autoencoder.reconstruct(images, call.exchange.in_parts)
    metrics.reconstructed(made)
    given: dict[str, Tensor | None] = {
        "reconstruction": made.images,
        "mean_squared_error": made.mean_squared_error,
        "reconstruction_nats": made.reconstruction_nats,
        "kl_nats": made.kl_nats,
    }
    return {name: tensor for name, tensor in given.items() if tensor is not None}


def _encode(call: Call, autoencoder: Autoencoder, images: NDArray[np.uint8]) -> Tensors:
    _count(call, images)
    latents = autoencoder.encode(images)
    if latents.log_variance is None:
        return {"mean": latents.mean}
    return {"mean": latents.mean, "log_variance": latents.log_variance}


def _decode(call: Call, autoencoder: Autoencoder, latents: NDArray[np.float32]) -> Tensors:
    call.exchange.num_pictures = len(latents)
    images = autoencoder.decode(latents, call.exchange.in_parts)
    metrics.generated([None] * len(images))
    return {"images": images}


def _count(call: Call, images: NDArray[np.uint8]) -> None:
    metrics.prepared(call.exchange, [Prepared(image, "network_input") for image in images])


def _classifier_outputs(classifier: Classifier) -> tuple[TensorType, ...]:
    outputs = {tensor.name: tensor for tensor in classifier.artifact.graphs["classifier"].spec.outputs}
    num_features = int(outputs["features"].shape[1])
    return (
        *_PREDICTED,
        TensorType("logits", "FP32", (NUM_LABELS,)),
        TensorType("features", "FP32", (num_features,)),
    )


def _latents(name: str, autoencoder: Autoencoder) -> TensorType:
    return TensorType(name, "FP32", (autoencoder.latent_size,))


def _encoder_outputs(autoencoder: Autoencoder) -> tuple[TensorType, ...]:
    names = ["mean", "log_variance"] if autoencoder.artifact.manifest.variational else ["mean"]
    return tuple(_latents(name, autoencoder) for name in names)


def _reconstructed(autoencoder: Autoencoder) -> tuple[TensorType, ...]:
    always = (TensorType("reconstruction", "FP32", (SIDE, SIDE)), TensorType("mean_squared_error", "FP64"))
    return (*always, *_LOST) if autoencoder.artifact.manifest.variational else always


def _always(given: Any) -> Callable[[Model], Any]:
    return lambda model: given  # noqa: ARG005 - whatever the model


PROTOCOL_MODELS: Final[Mapping[str, ProtocolModel]] = {
    CLASSIFIER: ProtocolModel(CLASSIFIER, _always(_IMAGES), _classifier_outputs, _classify_images),
    f"{CLASSIFIER}-pictures": ProtocolModel(
        CLASSIFIER,
        _always(_PICTURES),
        _always((*_PREDICTED, TensorType("prepared_as", "BYTES"))),
        _classify_pictures,
    ),
    AUTOENCODER: ProtocolModel(AUTOENCODER, _always(_IMAGES), _reconstructed, _reconstruct, decodes=True),
    f"{AUTOENCODER}-encoder": ProtocolModel(AUTOENCODER, _always(_IMAGES), _encoder_outputs, _encode),
    f"{AUTOENCODER}-decoder": ProtocolModel(
        AUTOENCODER,
        partial(_latents, "latents"),
        _always((TensorType("images", "FP32", (SIDE, SIDE)),)),
        _decode,
        takes_latents=True,
        decodes=True,
    ),
}
