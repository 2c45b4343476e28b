"""The second course of the released VAE as a system: the decoder is sharpened, the latents stay as they are.

A decoder that only maximises likelihood draws the mean of all pictures that a latent may stand for, and a
mean is a blur: what makes a shirt a coat is gone from it. So the decoder goes on learning with three further
terms. Encoder and posteriors are frozen, which keeps every latent what it was: learned without a label. The
decoder is the only one that hears of labels, through the critic.

- features: decoded and real picture should look alike to the layers of a *critic*, a classifier that is
  frozen as well (Johnson et al. 2016, arXiv:1603.08155);
- label: the critic should recognise the decoded picture's label;
- realism: a discriminator should take the decoded picture for a real one (hinge loss, as in Miyato et al.
  2018, arXiv:1802.05957).

The cross-entropy in nats stays in the objective at its full weight and so sets what the others may cost.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Final, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from fashion.errors import InvalidValue
from fashion.preparation import SIDE
from training.autoencoding import VariationalSystem
from training.losses import cross_entropy_nats, kl_nats, sample_latents, squared_error
from training.networks.autoencoders import ConvolutionalAutoencoder, ConvolutionalSettings
from training.networks.classifiers import ResidualClassifier, ResidualSettings
from training.networks.discriminators import Discriminator
from training.ranges import NotNegative
from training.systems import Batch, System, Terms

AUTOENCODER: Final = "autoencoder"
"""The part that is sharpened: a variational autoencoder of the same size."""
CRITIC: Final = "critic"
"""The part that looks at decoded pictures: a classifier that is not the released one."""
# Critic and discriminator see pictures shifted by up to this many pixels, so that no pattern pleases them
# that hangs on the pixel grid.
_LARGEST_SHIFT: Final = 2


@dataclass(frozen=True, slots=True)
class SharpeningSettings:
    """What is sharpened, by whom, and what one unit of each further term may cost in nats."""

    network: ConvolutionalSettings = field(default_factory=ConvolutionalSettings)
    critic: ResidualSettings = field(default_factory=ResidualSettings)
    discriminator_width: Annotated[int, Field(ge=1, le=256)] = 32
    feature_weight: NotNegative = 30.0
    label_weight: NotNegative = 10.0
    realism_weight: NotNegative = 5.0

    def build(self) -> "SharpeningSystem":
        """A system of fresh networks; `build_on` gives it the trained ones."""
        return SharpeningSystem(self)


class SharpeningSystem(VariationalSystem):
    """A VAE whose decoder alone learns, with a discriminator beside it that learns to tell it apart."""

    def __init__(self, settings: SharpeningSettings) -> None:
        super().__init__(ConvolutionalAutoencoder(settings.network), settings.network.latent_size, beta=1.0)
        self.settings = settings
        self.critic = ResidualClassifier(settings.critic)
        self.discriminator = Discriminator(settings.discriminator_width)
        for frozen in (self.network.encoder, self.critic):
            frozen.requires_grad_(False)

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Start from the weights of `autoencoder`, and look through those of `critic`."""
        for part, own in ((AUTOENCODER, self.network), (CRITIC, self.critic)):
            if part not in trained:
                raise InvalidValue(
                    f"Expected a trained {part}, came {', '.join(trained) or 'none'}.", field="builds_on"
                )
            try:
                own.load_state_dict(trained[part].network.state_dict())
            except RuntimeError as error:
                raise InvalidValue(
                    f"The trained {part} has another size than this system's: give both recipes one size.",
                    field="builds_on",
                ) from error

    def train(self, mode: bool = True) -> Self:
        """What is frozen keeps its running statistics, too."""
        super().train(mode)
        self.network.encoder.eval()
        self.critic.eval()
        return self

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` adds what the discriminator minimises to what the decoder does: each sees only its own."""
        posterior = self.network.encoder(batch.images)
        logits = self.network.decoder(sample_latents(*posterior))
        real, decoded = _shifted(batch.images, logits.float().sigmoid())
        terms = self._likeness(batch, logits, real, decoded)
        with _unmoved(self.discriminator):
            realism = -self.discriminator(decoded).float().mean()
        telling_apart = self._telling_apart(real, decoded.detach())
        weighed = self.settings.realism_weight * realism
        return {
            **terms,
            "total": terms["total"] + weighed + telling_apart,
            "kl_nats": kl_nats(*posterior).mean(),
            "realism_loss": realism,
            "discriminator_loss": telling_apart,
        }

    def validation_terms(self, batch: Batch) -> Terms:
        """As in training, without the discriminator: its answers change their meaning from step to step."""
        posterior = self.network.encoder(batch.images)
        logits = self.network.decoder(sample_latents(*posterior))
        of_means = self.network.decoder(posterior.mean).float().sigmoid()
        return {
            **self._likeness(batch, logits, batch.images, logits.float().sigmoid()),
            "kl_nats": kl_nats(*posterior).mean(),
            "mean_squared_error": squared_error(of_means, batch.images).mean(),
        }

    def _likeness(self, batch: Batch, logits: Tensor, real: Tensor, decoded: Tensor) -> Terms:
        """The terms that compare images with their originals, and their weighed sum as `total`.

        `logits` are of the batch's own pictures; the critic looks at `real` and `decoded`, which may be
        shifted.
        """
        reconstruction = cross_entropy_nats(logits, batch.images).mean()
        with torch.no_grad():
            wanted, _ = self._looked_at(real)
        found, answers = self._looked_at(decoded)
        features = torch.stack([_distance(*pair) for pair in zip(found, wanted, strict=True)]).mean()
        label = functional.cross_entropy(answers.float(), batch.labels)
        settings = self.settings
        total = reconstruction + settings.feature_weight * features + settings.label_weight * label
        return {
            "total": total,
            "reconstruction_nats": reconstruction,
            "feature_distance": features,
            "label_nats": label,
        }

    def _looked_at(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """What every layer of the critic makes of images, and its logits."""
        maps: list[Tensor] = []
        hooks = [
            layer.register_forward_hook(lambda _, __, output: maps.append(output))
            for layer in self.critic.body
        ]
        answers = self.critic(images).logits
        for hook in hooks:
            hook.remove()
        return maps, answers

    def _telling_apart(self, real: Tensor, decoded: Tensor) -> Tensor:
        """The hinge loss of the discriminator."""
        of_real, of_decoded = self.discriminator(real).float(), self.discriminator(decoded).float()
        return functional.relu(1 - of_real).mean() + functional.relu(1 + of_decoded).mean()


def _distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference of feature maps, as a share of the variance of the real ones."""
    wanted = wanted.float()
    return functional.mse_loss(found.float(), wanted) / (wanted.var() + 1e-6)


def _shifted(*images: Tensor) -> tuple[Tensor, ...]:
    """All images (batch, 28, 28) shifted by the same few pixels, and mirrored or not."""
    down, right = torch.randint(2 * _LARGEST_SHIFT + 1, (2,)).tolist()
    shifted = [
        functional.pad(each, [_LARGEST_SHIFT] * 4)[:, down : down + SIDE, right : right + SIDE]
        for each in images
    ]
    return tuple(each.flip(2) for each in shifted) if torch.rand(()) < 0.5 else tuple(shifted)


@contextmanager
def _unmoved(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through a module without reaching its own weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
