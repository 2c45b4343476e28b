"""What clients may ask and what they are answered: the pydantic models of every request's options and every
answer.

Types, ranges, units and examples stand here once; validation, /docs.json, /schema.json and the SDK derive
from them.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from fashion.inputs import InputKind, PrepareMode
from fashion.labels import LABELS, NUM_LABELS
from fashion.manifest import ModelKind
from service.refusals import Code

MAX_COUNT = 1024
MAX_SEED = 2**53 - 1  # the largest integer that every JSON reader keeps exactly


def _whole_number(value: Any) -> Any:
    """4.0 is an integer to JSON Schema, and to every client that knows one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _class_index(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str) and value in LABELS:
        return LABELS.index(value)
    index = _whole_number(value)
    if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < NUM_LABELS:
        return index
    raise ValueError(f"must be one of {', '.join(LABELS)}, or its index")


def _mean(value: Any) -> Any:
    """Of an object as /encode gives them, its mean; an array stays as it is."""
    if not isinstance(value, dict):
        return value
    if not {"mean"} <= value.keys() <= {"mean", "log_variance"}:
        raise ValueError("must be an array of numbers, or an object with mean and log_variance")
    return value["mean"]


Whole = BeforeValidator(_whole_number)

_LATENT_ARRAY = {"type": "array", "items": {"type": "number"}}
_LATENT_SCHEMA = {
    "oneOf": [  # and not anyOf, of which BentoML's client sees the first alone
        _LATENT_ARRAY,
        {
            "type": "object",
            "properties": {
                "mean": _LATENT_ARRAY,
                "log_variance": {"anyOf": [_LATENT_ARRAY, {"type": "null"}]},
            },
            "required": ["mean"],
            "additionalProperties": False,
        },
    ]
}
_LABEL_SCHEMA = {
    "anyOf": [
        {"type": "string", "enum": list(LABELS)},
        {"type": "integer", "minimum": 0, "maximum": NUM_LABELS - 1},
        {"type": "null"},
    ]
}


class Options(BaseModel):
    """What a request may say beside its pictures; the same names in JSON, form parts and the query."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    model: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            description="An alias (`stable`, `candidate`), a model's name (its `stable`), or `name:version`.",
            examples=["stable", "candidate"],
        ),
    ] = "stable"


class PictureOptions(Options):
    """The options of every route that takes pictures."""

    prepare: Annotated[
        PrepareMode,
        Field(
            description="`auto`: a 28x28 grey picture is a network input and goes through untouched, "
            "anything else is a photograph. `photograph`: all are photographs. `none`: all must be 28x28."
        ),
    ] = "auto"


class ClassifyOptions(PictureOptions):
    """The options of POST /classify."""

    explain: Annotated[bool, Field(description="Also tell where the evidence for each label lies.")] = False


class GenerateOptions(Options):
    """The body of POST /generate; every field is optional."""

    count: Annotated[int, Field(ge=1, le=MAX_COUNT, description="How many samples to draw."), Whole] = 16
    label: Annotated[
        int | None,
        BeforeValidator(_class_index),
        WithJsonSchema(_LABEL_SCHEMA),
        Field(description="A label's name or index; any label where not given.", examples=["Sneaker", 7]),
    ] = None
    seed: Annotated[
        Annotated[int, Field(ge=0, le=MAX_SEED), Whole] | None,
        Field(
            description="The same seed, model and fields give the same bytes; drawn and told where not given."
        ),
    ] = None
    temperature: Annotated[
        float, Field(ge=0, le=2, description="Scales the spread about the prior's centres.")
    ] = 1.0
    latents: Annotated[
        list[Annotated[list[float], BeforeValidator(_mean), WithJsonSchema(_LATENT_SCHEMA)]] | None,
        Field(
            min_length=1,
            max_length=MAX_COUNT,
            description="Latents to decode as they are: arrays, or the objects that /encode gives, whose "
            "mean is taken. Excludes count, label, seed and temperature.",
        ),
    ] = None
    columns: Annotated[
        Annotated[int, Field(ge=1, le=MAX_COUNT), Whole] | None,
        Field(description="Columns of the sheet that `Accept: image/png` asks for."),
    ] = None

    @model_validator(mode="after")
    def _latents_stand_alone(self) -> "GenerateOptions":
        if self.latents is not None and (
            drawn := self.model_fields_set & {"count", "label", "seed", "temperature"}
        ):
            raise ValueError(
                f"latents are decoded as they are: leave out {', '.join(sorted(drawn))}, or latents"
            )
        return self

    @property
    def num_samples(self) -> int:
        """How many pictures the answer holds."""
        return self.count if self.latents is None else len(self.latents)


class WrittenJson(bytes):
    """An answer that is written already."""

    __slots__ = ()


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)

    model: Annotated[str, Field(description="The model that answered, as `name:version`.")]


class Explanation(BaseModel):
    """Why a label was predicted, as base64 PNGs."""

    network_input: Annotated[str, Field(description="28x28: what the network saw.")]
    class_activation_map: str
    overlay: str


class PredictionAnswer(BaseModel):
    """What the classifier says of one picture."""

    label: str
    class_index: Annotated[int, Field(ge=0, lt=NUM_LABELS)]
    probability: Annotated[float, Field(ge=0, le=1, description="Of `label`; calibrated.")]
    probabilities: Annotated[dict[str, float], Field(description="All ten, in dataset order; they sum to 1.")]
    prediction_set: Annotated[
        list[str], Field(min_length=1, description="Holds the true label with the probability `coverage`.")
    ]
    coverage: Annotated[
        float | None, Field(description="null for a kind of input without its own calibration.")
    ]
    novelty: Annotated[
        float | None,
        Field(
            ge=0, le=1, description="The share of calibration pictures of this kind that look less unusual."
        ),
    ]
    in_distribution: bool | None
    prepared_as: InputKind
    explanation: Explanation | None = None


class ClassifyAnswer(_Answer):
    """The answer of POST /classify; one prediction for each picture, in order."""

    predictions: list[PredictionAnswer]


class Latent(BaseModel):
    """Where one picture lies in latent space, as a normal distribution."""

    mean: list[float]
    log_variance: Annotated[
        list[float] | None, Field(description="null for a model without one (a plain autoencoder).")
    ]


class EncodeAnswer(_Answer):
    """The answer of POST /encode; one latent for each picture, in order."""

    latent_size: int
    latents: list[Latent]


class ReconstructionAnswer(BaseModel):
    """One picture decoded from its posterior mean, and what was lost."""

    image: Annotated[str, Field(description="Base64 PNG, 28x28.")]
    mean_squared_error: Annotated[float, Field(ge=0, description="Pixels on [0, 1].")]
    reconstruction_nats: Annotated[float | None, Field(description="Cross-entropy in nats an image.")]
    kl_nats: float | None


class ReconstructAnswer(_Answer):
    """The answer of POST /reconstruct; one reconstruction for each picture, in order."""

    reconstructions: list[ReconstructionAnswer]


class SampleAnswer(BaseModel):
    """One generated picture."""

    image: Annotated[str, Field(description="Base64 PNG, 28x28.")]
    latent: list[float]
    label: Annotated[str | None, Field(description="The label asked for or drawn; null where there is none.")]


class GenerateAnswer(_Answer):
    """The answer of POST /generate."""

    seed: Annotated[int | None, Field(description="null where latents were given.")]
    samples: list[SampleAnswer]


class ServedModel(BaseModel):
    """One loaded model version."""

    model: Annotated[str, Field(description="The tag, `name:version`, that answers carry.")]
    name: str
    version: str
    aliases: list[str]
    kind: ModelKind
    description: str
    created: datetime
    recipe: str
    latent_size: int | None
    num_parameters: int
    sha256: Annotated[str, Field(description="Of the manifest, which lists the sha256 of every other file.")]
    metrics: dict[str, float]


class ModelsAnswer(BaseModel):
    """The answer of GET /models."""

    models: list[ServedModel]


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: Code
    message: Annotated[str, Field(description="What was expected, what came, and what to do.")]
    field: Annotated[
        str | None, Field(description="The part of the request at fault.", examples=["images[1]"])
    ]


class ErrorAnswer(BaseModel):
    """The one error body."""

    error: ErrorDetail
