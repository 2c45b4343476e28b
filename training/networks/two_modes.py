"""An autoencoder with two decoders behind one switch: a smooth one that is likely, a textured one that is
sharp.

No picture of few nats is both. The likeliest picture of a latent is the mean of all that it may stand for,
and a mean is smooth; a sharp one commits itself to a texture that the latent does not know. So the latent has
a dimension that says which is meant (`latent_layout.py`).
"""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from fashion.inputs import SIDE
from training.latent_layout import SMOOTH, SWITCH_LOG_VARIANCE, LatentLayout
from training.networks.autoencoders import (
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    ConvolutionalSettings,
    Posterior,
)


class TwoModeEncoder(nn.Module):
    """Images Float (batch, 28, 28) on [0, 1] to a Posterior in the smooth mode."""

    def __init__(self, settings: ConvolutionalSettings, layout: LatentLayout) -> None:
        super().__init__()
        self.content = ConvolutionalEncoder(settings)
        self.added = layout.size - layout.content
        switch = functional.one_hot(torch.tensor(layout.size - 1), layout.size).float()
        self.register_buffer("smooth", SMOOTH * switch, persistent=False)
        self.register_buffer("certain", SWITCH_LOG_VARIANCE * switch, persistent=False)

    def forward(self, images: Tensor) -> Posterior:
        """Label and grain as in the prior, the switch at the smooth mode."""
        mean, log_variance = self.content(images)
        padding = (0, self.added)
        return Posterior(
            functional.pad(mean, padding) + self.get_buffer("smooth"),
            functional.pad(log_variance, padding) + self.get_buffer("certain"),
        )


class TwoModeDecoder(nn.Module):
    """Latents Float (batch, latent) to the logits of the pixels, (batch, 28, 28)."""

    def __init__(self, settings: ConvolutionalSettings, layout: LatentLayout) -> None:
        super().__init__()
        self.layout = layout
        self.smooth = ConvolutionalDecoder(settings)
        self.textured = ConvolutionalDecoder(replace(settings, latent_size=layout.drawn))

    def forward(self, latents: Tensor) -> Tensor:
        """Each latent by the decoder of its mode: from 0 on the switch means smooth."""
        drawn, is_smooth = latents[:, : self.layout.drawn], latents[:, self.layout.drawn] >= 0
        smooth = _where_asked(is_smooth.any(), self.smooth, drawn[:, : self.layout.content])
        textured = _where_asked((~is_smooth).any(), self.textured, drawn)
        return torch.where(is_smooth[:, None, None], smooth, textured)

    def texture_like_smooth(self) -> None:
        """Begin the textured mode with the weights of the smooth one, deaf to label and grain."""
        start = self.textured.start
        self.textured.body.load_state_dict(self.smooth.body.state_dict())
        with torch.no_grad():
            start.weight.zero_()
            start.weight[:, : self.layout.content] = self.smooth.start.weight
            start.bias.copy_(self.smooth.start.bias)


class TwoModeAutoencoder(nn.Module):
    """The encoder into one of the modes, and the decoder of both."""

    def __init__(self, settings: ConvolutionalSettings, layout: LatentLayout) -> None:
        super().__init__()
        self.encoder = TwoModeEncoder(settings, layout)
        self.decoder = TwoModeDecoder(settings, layout)


def _where_asked(is_asked: Tensor, decoder: nn.Module, latents: Tensor) -> Tensor:
    """A decoder's logits; the exported graph computes none where no latent of the batch asks for them."""
    if not torch.compiler.is_exporting():
        logits: Tensor = decoder(latents)
        return logits
    chosen: Tensor = torch.cond(is_asked, lambda own: decoder(own).contiguous(), _blank, (latents,))
    return chosen


def _blank(latents: Tensor) -> Tensor:
    return latents.new_zeros(latents.shape[0], SIDE, SIDE)
