"""Recipes of variational autoencoders: the quick default and the one behind the release."""

from training.autoencoding import VariationalSettings
from training.networks.autoencoders import ConvolutionalSettings
from training.optimisation import Optimisation
from training.recipes.recipe import Recipe

RELEASED_AS = "fashion-vae"


def vae() -> Recipe:
    """The default: about 240 nats to N(0, I) after a few minutes, less to its fitted prior."""
    return Recipe(
        name="vae",
        summary="small residual VAE of 32 dimensions, about 240 nats after five epochs",
        system=VariationalSettings(ConvolutionalSettings(width=32, full_width=16)),
        optimisation=Optimisation(
            epochs=5, batch_size=128, learning_rate=2e-3, warm_up=0.1, weight_decay=0.0, gradient_clip=200.0
        ),
        released_as=RELEASED_AS,
    )


def vae_released() -> Recipe:
    """The one that is served: the same network, taught for longer, its weights averaged."""
    return Recipe(
        name="vae-released",
        summary="the network behind the release: twenty-four epochs, averaged weights",
        system=VariationalSettings(ConvolutionalSettings(width=32, full_width=16)),
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
