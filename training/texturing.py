"""The second course of the released VAE as a system: it gets a textured mode, from which it is sampled.

The first course taught encoder and smooth decoder; both stay as they are. A second decoder learns to draw
what the smooth one cannot (`networks/two_modes.py`): from latents of pictures, and from draws of the Gaussian
that a label's latents have together, with the label and with grain. Four terms say what its pictures lack:

- realism: a discriminator of labelled pictures should take them for real ones (hinge loss, Lim and Ye 2017,
  arXiv:1705.02894);
- moments: what a *critic*, a frozen classifier, makes of them should have the mean and covariance that it has
  on real pictures, and the mean of every label;
- features: what is drawn from a picture's latent should look to the critic like that picture (Johnson et al.
  2016, arXiv:1603.08155), so that both modes mean the same garment;
- label: the critic should recognise the label.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, NamedTuple, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from fashion.errors import InvalidValue
from fashion.inputs import SIDE
from fashion.labels import NUM_LABELS
from training.autoencoding import ServedDecoder, ServedEncoder, served_graphs
from training.latent_layout import LABEL_DEVIATION, LatentLayout
from training.losses import sample_latents
from training.networks.autoencoders import ConvolutionalSettings
from training.networks.classifiers import ResidualBlock, ResidualClassifier, ResidualSettings
from training.networks.discriminators import Discriminator, hinge, unreality
from training.networks.two_modes import TwoModeAutoencoder
from training.ranges import NotNegative
from training.running_moments import LabelGaussians, LabelMeans, RunningMoments, towards, towards_labels
from training.sample_quality import frechet_distance
from training.systems import Batch, ExportGraph, System, Terms

AUTOENCODER: Final = "autoencoder"
"""The part that is the smooth mode: a variational autoencoder of the same size."""
CRITIC: Final = "critic"
"""The part that looks at decoded pictures: a classifier that is not the released one."""
# Critic and discriminator see pictures shifted by up to this many pixels, so that no pattern pleases them
# that hangs on the pixel grid.
_LARGEST_SHIFT: Final = 2
# Real moments stand still; those of a decoder that learns are a hundred batches' at most.
_DECAY_OF_REAL, _DECAY_OF_MADE = 0.9999, 0.99


@dataclass(frozen=True, slots=True)
class TexturingSettings:
    """What gets a textured mode, by whom it is taught, and how the terms are weighed."""

    network: ConvolutionalSettings = field(default_factory=ConvolutionalSettings)
    critic: ResidualSettings = field(default_factory=ResidualSettings)
    grain_size: Annotated[int, Field(ge=0, le=64)] = 16
    discriminator_width: Annotated[int, Field(ge=1, le=256)] = 16
    realism_weight: NotNegative = 1.0
    moment_weight: NotNegative = 3.0
    feature_weight: NotNegative = 1.0
    label_weight: NotNegative = 0.3

    @property
    def layout(self) -> LatentLayout:
        """What each dimension stands for."""
        return LatentLayout(self.network.latent_size, self.grain_size)

    def build(self) -> "TexturingSystem":
        """A system of fresh networks; `build_on` gives it the trained ones."""
        return TexturingSystem(self)


class _Look(NamedTuple):
    """What the critic makes of images."""

    maps: list[Tensor]
    """After each residual block."""
    features: Tensor
    """Those maps pooled, side by side: textures are told by the first, garments by the last."""
    logits: Tensor


class TexturingSystem(System):
    """A VAE whose textured mode alone learns, with a discriminator beside it that learns to tell it apart."""

    kind = "autoencoder"
    monitor: ClassVar[str] = "frechet_distance"
    variational = True
    # The discriminator has to see through a decoder before it changes (Heusel et al. 2017, arXiv:1706.08500).
    learning_rate_shares: ClassVar[Mapping[str, float]] = {"network": 0.3}

    def __init__(self, settings: TexturingSettings) -> None:
        super().__init__()
        self.settings = settings
        self.layout: LatentLayout = settings.layout
        self.latent_size = self.layout.size
        self.network: TwoModeAutoencoder = TwoModeAutoencoder(settings.network, self.layout)
        self.critic = ResidualClassifier(settings.critic)
        channels = [settings.critic.width << stage for stage in range(1, settings.critic.doublings + 1)]
        self.discriminator = Discriminator(settings.discriminator_width, channels)
        self.contents = LabelGaussians(self.layout.content)
        self.real = RunningMoments(sum(channels), _DECAY_OF_REAL)
        self.made = RunningMoments(sum(channels), _DECAY_OF_MADE)
        self.real_labels = LabelMeans(sum(channels), _DECAY_OF_REAL)
        self.made_labels = LabelMeans(sum(channels), _DECAY_OF_MADE)
        for frozen in self._frozen():
            frozen.requires_grad_(False)

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Take encoder and smooth decoder from `autoencoder`, and look through the weights of `critic`."""
        encoder, smooth = self.network.encoder.content, self.network.decoder.smooth
        for part, own in (
            (AUTOENCODER, {"encoder": encoder, "decoder": smooth}),
            (CRITIC, {"body": self.critic.body, "head": self.critic.head}),
        ):
            if part not in trained:
                raise InvalidValue(
                    f"Expected a trained {part}, came {', '.join(trained) or 'none'}.", field="builds_on"
                )
            try:
                for name, module in own.items():
                    module.load_state_dict(trained[part].network.get_submodule(name).state_dict())
            except RuntimeError as error:
                raise InvalidValue(
                    f"The trained {part} has another size than this system's: give both recipes one size.",
                    field="builds_on",
                ) from error
        self.network.decoder.texture_like_smooth()

    def train(self, mode: bool = True) -> Self:
        """What is frozen keeps its running statistics, too."""
        super().train(mode)
        for frozen in self._frozen():
            frozen.eval()
        return self

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` adds what the discriminator minimises to what the decoder does: each sees only its own."""
        labels, middle = batch.labels, len(batch) // 2
        contents = self._contents(batch, middle)
        decoded = self._textured(contents, labels)
        real, decoded = _shifted(batch.images, decoded)
        with torch.no_grad():
            wanted = self._looked_at(real)
        found = self._looked_at(decoded)
        moments = self._moments(found.features, wanted.features, labels)
        with _unmoved(self.discriminator):
            realism = unreality(self.discriminator(decoded, found.maps, labels))
        telling_apart = hinge(
            self.discriminator(real, wanted.maps, labels),
            self.discriminator(decoded.detach(), [maps.detach() for maps in found.maps], labels),
        )
        features = _distance(found.maps, wanted.maps, middle)
        label = functional.cross_entropy(found.logits, labels)
        settings = self.settings
        total = (
            settings.realism_weight * realism
            + settings.moment_weight * moments
            + settings.feature_weight * features
            + settings.label_weight * label
        )
        return {
            "total": total + telling_apart,
            "realism_loss": realism,
            "moment_slope": moments,
            "feature_distance": features,
            "label_nats": label,
            "discriminator_loss": telling_apart,
        }

    def validation_terms(self, batch: Batch) -> Terms:
        """Draws of the labels' Gaussians, held against the pictures.

        `frechet_distance` is in the features of the critic, and larger by what the batch is smaller.
        """
        decoded = self._textured(self.contents.sample(batch.labels), batch.labels)
        found, wanted = self._looked_at(decoded), self._looked_at(batch.images)
        distance = frechet_distance(found.features.cpu().numpy(), wanted.features.cpu().numpy())
        label = functional.cross_entropy(found.logits, batch.labels)
        return {"frechet_distance": torch.tensor(distance), "label_nats": label}

    def graphs(self) -> list[ExportGraph]:
        """`encoder` (images to mean and log variance) and `decoder` (latents to images)."""
        network = copy.deepcopy(self.network).eval().float().cpu()
        encoder, decoder = ServedEncoder(network.encoder), ServedDecoder(network.decoder)
        return served_graphs(encoder, decoder, self.layout.size)

    def _frozen(self) -> tuple[nn.Module, ...]:
        return self.network.encoder, self.network.decoder.smooth, self.critic

    def _contents(self, batch: Batch, middle: int) -> Tensor:
        """Latents of the pictures up to `middle`, and draws of the Gaussians of the others' labels."""
        with torch.no_grad():
            own = sample_latents(*self.network.encoder.content(batch.images))
            self.contents.add(own, batch.labels)
            return torch.cat([own[:middle], self.contents.sample(batch.labels[middle:])])

    def _moments(self, found: Tensor, wanted: Tensor, labels: Tensor) -> Tensor:
        """What brings the critic's features on average to where they are on real pictures."""
        self.real.add(wanted)
        self.made.add(found)
        self.real_labels.add(wanted, labels)
        self.made_labels.add(found, labels)
        by_label = towards_labels(found, labels, self.made_labels, self.real_labels)
        return towards(found, self.made, self.real) + by_label

    def _textured(self, contents: Tensor, labels: Tensor) -> Tensor:
        """Images (batch, 28, 28) of contents (batch, content) and labels, with grain."""
        told = functional.one_hot(labels, NUM_LABELS) + LABEL_DEVIATION * torch.randn(
            len(labels), NUM_LABELS, device=labels.device
        )
        grain = torch.randn(len(labels), self.layout.grain, device=labels.device)
        decoded: Tensor = self.network.decoder.textured(torch.cat([contents, told, grain], dim=1))
        return decoded.float().sigmoid()

    def _looked_at(self, images: Tensor) -> _Look:
        maps: list[Tensor] = []
        hooks = [
            block.register_forward_hook(lambda _, __, output: maps.append(output))
            for block in self.critic.body
            if isinstance(block, ResidualBlock)
        ]
        seen = self.critic(images)
        for hook in hooks:
            hook.remove()
        features = torch.cat([each.mean(dim=(2, 3)) for each in maps], dim=1)
        return _Look(maps, features.float(), seen.logits.float())


def _distance(found: Sequence[Tensor], wanted: Sequence[Tensor], count: int) -> Tensor:
    """Mean squared difference of the first `count` feature maps, as a share of the variance of the real
    ones."""
    distances = [
        functional.mse_loss(own[:count], real[:count]) / (real.var() + 1e-6)
        for own, real in zip(found, wanted, strict=True)
    ]
    return torch.stack(distances).mean()


def _shifted(*images: Tensor) -> tuple[Tensor, ...]:
    """All images (batch, 28, 28) shifted by the same few pixels.

    Not mirrored: shoes of the dataset point to the left, and who sees both would not mind either.
    """
    down, right = torch.randint(2 * _LARGEST_SHIFT + 1, (2,)).tolist()
    return tuple(
        functional.pad(each, [_LARGEST_SHIFT] * 4)[:, down : down + SIDE, right : right + SIDE]
        for each in images
    )


@contextmanager
def _unmoved(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through a module without reaching its own weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
