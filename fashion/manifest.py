"""The manifest: the model card that a machine can read, and the contract between training and serving.

Everything that serving needs to know about a model is a field here; nothing is guessed from file names. The
format version is read before anything else, so that a manifest of another generation is refused with a
sentence instead of a list of schema errors.
"""

import json
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fashion.errors import DamagedArtifact, UnknownFormatVersion
from fashion.inputs import SIDE, InputKind
from fashion.labels import LABELS, NUM_LABELS

FORMAT_VERSION: Final = 1

EARLY_STATISTICS: Final = "early_statistics"
"""The output of a classifier's graph that tells of its first layer: each channel's mean over the positions,
then each channel's standard deviation."""

STEM_MAPS: Final = "stem_maps"
"""What a classifier's first half hands to its second one: an output of one graph, the input of the other."""

ModelKind = Literal["classifier", "autoencoder"]
PerLabel = Annotated[tuple[float, ...], Field(min_length=NUM_LABELS, max_length=NUM_LABELS)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# A plain name inside the artifact's own folder: no separators, so no way out of it.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TensorSpec(_Strict):
    """One input or output of a graph; a dimension is a size or, for the batch axis, a name."""

    name: str
    dtype: Literal["uint8", "float32", "int64"]
    shape: tuple[int | str, ...]


class Quantisation(_Strict):
    """How a graph that computes in eight-bit integers was made, and what that cost.

    Processors may round to the next integer differently, so that outputs differ by a few steps:
    `rounding_error` is how far apart two ways of computing the probe were, and is allowed for beside the
    probe's own tolerance. `rounding_steps` is the same for outputs that are integers themselves, which one
    half of a network hands to the other; the accuracies are the whole network's then.
    """

    activations: Literal["uint8"] = "uint8"
    weights: Literal["int8, seven bits used"] = "int8, seven bits used"
    pictures: Annotated[int, Field(ge=1)]
    """Training pictures that ranges and biases were measured on."""
    float_accuracy: Annotated[float, Field(ge=0, le=1)]
    accuracy: Annotated[float, Field(ge=0, le=1)]
    """On pictures that training never saw, as they are and mirrored."""
    rounding_error: Annotated[float, Field(ge=0)]
    rounding_steps: Annotated[int, Field(ge=0)] = 0


class GraphSpec(_Strict):
    """One exported graph: its file, and what goes in and comes out, in order."""

    file: FileName
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    quantisation: Quantisation | None = None
    """None for a graph that computes in float."""


class ImageContract(_Strict):
    """What the graphs mean by an image."""

    height: Literal[28] = SIDE
    width: Literal[28] = SIDE
    dtype: Literal["uint8"] = "uint8"
    polarity: Literal["light garment on black"] = "light garment on black"


class Recipe(_Strict):
    """The recipe that made the model, with every setting as it was used."""

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)


class Calibration(_Strict):
    """What turns a classifier's logits and features into an honest answer, for one kind of input.

    Probabilities are softmax(logits * logit_scale + logit_bias) (temperature and vector scaling: Guo et al.
    2017, arXiv:1706.04599); with a `confidence_curve` the highest of them is then moved along it (see
    fashion.classifier.with_confidence). A label is in the prediction set when its probability, before the
    curve, reaches its threshold (split conformal, Sadinle et al. 2019). A score's novelty is its rank among
    `novelty_quantiles`, the evenly spaced quantiles of the scores of in-distribution calibration pictures,
    ascending; `novelty_file` holds the arrays `whitening` and `class_means` that the score is computed
    from, and `early_whitening` and `early_class_means` where the first layer's statistics have a weight
    (see fashion.novelty).
    """

    source: str
    count: Annotated[int, Field(ge=1)]
    logit_scale: PerLabel
    logit_bias: PerLabel
    confidence_curve: tuple[float, float, float] | None = None
    coverage: Annotated[float, Field(gt=0, lt=1)]
    set_thresholds: PerLabel
    novelty_file: FileName | None = None
    novelty_distance_weight: float = 1.0
    novelty_energy_weight: float = 0.0
    novelty_early_weight: float = 0.0
    novelty_quantiles: tuple[float, ...] = ()
    novelty_threshold: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _novelty_is_whole(self) -> Self:
        if (self.novelty_file is None) != (len(self.novelty_quantiles) == 0):
            raise ValueError("novelty_file and novelty_quantiles come together or not at all")
        if any(b < a for a, b in zip(self.novelty_quantiles, self.novelty_quantiles[1:], strict=False)):
            raise ValueError("novelty_quantiles must ascend")
        return self


class EarlyExit(_Strict):
    """Which network inputs a classifier's first half answers (the graph `classifier`); the others go on to
    its second half (`deep_classifier`).

    Chosen on pictures that training never saw, of which a share `changed` leaves with another label than the
    whole network gives it.
    """

    confidence: Annotated[float, Field(gt=0, le=2)]
    """The least probability of the first half's label, by the plain softmax, at which its answer stands; at
    2 it never does."""
    pictures: Annotated[int, Field(ge=1)]
    """Seen as they are and mirrored."""
    share: Annotated[float, Field(ge=0, le=1)]
    """Of those pictures that leave early."""
    changed: Annotated[float, Field(ge=0, le=1)]


class Prior(_Strict):
    """What `generate` samples latents from; arrays live in `file` (see fashion.prior)."""

    kind: Literal["none", "standard_normal", "gaussian_mixture"]
    file: FileName | None = None

    @model_validator(mode="after")
    def _mixture_has_a_file(self) -> Self:
        if (self.kind == "gaussian_mixture") != (self.file is not None):
            raise ValueError("a gaussian_mixture prior has a file, and no other prior has one")
        return self


class ProbeSpec(_Strict):
    """A few inputs, and the outputs that training computed from them with its own engine."""

    file: FileName = "probe.npz"
    relative_tolerance: float = 1e-2
    absolute_tolerance: float = 1e-2


class Manifest(_Strict):
    """Everything that serving needs to know about a model."""

    format_version: Literal[1] = FORMAT_VERSION
    kind: ModelKind
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
    description: str
    created: datetime
    labels: tuple[str, ...] = LABELS
    image: ImageContract = ImageContract()
    latent_size: Annotated[int, Field(ge=1)] | None = None
    variational: bool = False
    num_parameters: Annotated[int, Field(ge=0)]
    recipe: Recipe
    seed: int
    data: dict[str, str] = Field(default_factory=dict)
    source_commit: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    calibration: dict[InputKind, Calibration | None] = Field(default_factory=dict)
    early_exit: EarlyExit | None = None
    prior: Prior = Prior(kind="none")
    graphs: dict[str, GraphSpec] = Field(default_factory=dict)
    probe: ProbeSpec = ProbeSpec()
    files: dict[FileName, Sha256] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _kind_is_complete(self) -> Self:
        needed = {"classifier": {"classifier"}, "autoencoder": {"encoder", "decoder"}}[self.kind]
        if missing := needed - self.graphs.keys():
            raise ValueError(f"a manifest of kind {self.kind} needs the graphs {sorted(missing)}")
        if ("deep_classifier" in self.graphs) != (self.early_exit is not None):
            raise ValueError("a graph deep_classifier and early_exit come together or not at all")
        if (self.kind == "autoencoder") != (self.latent_size is not None):
            raise ValueError("latent_size belongs to autoencoders, and every autoencoder has one")
        if self.labels != LABELS:
            raise ValueError(f"labels must be the ten of Fashion-MNIST in dataset order, not {self.labels}")
        return self

    def to_json(self) -> str:
        """The manifest as indented JSON, keys in field order."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a manifest, format version first.

        Raises UnknownFormatVersion for another generation's, DamagedArtifact for anything else that is wrong.
        """
        try:
            version = json.loads(text)["format_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedArtifact(
                "manifest.json is not a manifest: expected a JSON object with a format_version"
            ) from error
        if version != FORMAT_VERSION:
            raise UnknownFormatVersion(
                f"This artifact has format version {version!r}, and this release reads version "
                f"{FORMAT_VERSION}: train and publish the model again with this release, "
                "or serve it with the release that wrote it."
            )
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "manifest"
            raise DamagedArtifact(f"manifest.json is wrong at {where}: {first['msg']}") from error
