"""Recipes of variational autoencoders: the quick default, and the two courses behind the release."""

from typing import Final

from training.autoencoding import VariationalSettings
from training.networks.autoencoders import ConvolutionalSettings
from training.networks.classifiers import ResidualSettings
from training.optimisation import Optimisation
from training.recipes.classifiers import classifier
from training.recipes.recipe import Recipe
from training.texturing import AUTOENCODER, CRITIC, TexturingSettings

RELEASED_AS: Final = "fashion-vae"
NETWORK: Final = ConvolutionalSettings(width=32, full_width=16)


def vae() -> Recipe:
    """The default: about 240 nats to N(0, I) after a few minutes, less to its fitted prior."""
    return Recipe(
        name="vae",
        summary="small residual VAE of 32 dimensions, about 240 nats after five epochs",
        system=VariationalSettings(NETWORK),
        optimisation=Optimisation(
            epochs=5, batch_size=128, learning_rate=2e-3, warm_up=0.1, weight_decay=0.0, gradient_clip=200.0
        ),
        released_as=RELEASED_AS,
    )


def vae_likelihood() -> Recipe:
    """The first course of the release: the same network, taught for longer, its weights averaged."""
    return Recipe(
        name="vae-likelihood",
        summary="the first course of the released VAE: likelihood alone, twenty-four epochs",
        system=VariationalSettings(NETWORK),
        optimisation=Optimisation(
            epochs=24,
            batch_size=128,
            learning_rate=2e-3,
            warm_up=0.1,
            weight_decay=0.0,
            gradient_clip=200.0,
            average_decay=0.999,
        ),
        released_as=RELEASED_AS,
    )


def vae_released() -> Recipe:
    """The one that is served: encoder and decoder of the first course, and a textured mode beside them."""
    return Recipe(
        name="vae-released",
        summary="the VAE behind the release: trains vae-likelihood and a critic, then a textured mode",
        system=TexturingSettings(NETWORK, critic=ResidualSettings(downsampling="stride")),
        optimisation=Optimisation(
            epochs=5,
            batch_size=64,
            learning_rate=1e-3,
            momentum=0.5,
            warm_up=0.05,
            weight_decay=0.0,
            average_decay=0.998,
            keep_last=True,
        ),
        released_as=RELEASED_AS,
        builds_on={AUTOENCODER: vae_likelihood(), CRITIC: classifier()},
    )
