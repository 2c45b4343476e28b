"""The recipe of the two-dimensional companion: a VAE whose latent space can be drawn whole."""

from training.autoencoding import VariationalSettings
from training.networks.autoencoders import ConvolutionalSettings
from training.optimisation import Optimisation
from training.recipes.recipe import Recipe


def vae_2d() -> Recipe:
    """Half the width of the released VAE: two numbers leave little to say, however large the network."""
    return Recipe(
        name="vae-2d",
        summary="small VAE of two dimensions, released for the 30x30 manifold",
        system=VariationalSettings(ConvolutionalSettings(latent_size=2, width=16, full_width=8)),
        optimisation=Optimisation(
            epochs=5,
            batch_size=128,
            learning_rate=2e-3,
            warm_up=0.1,
            weight_decay=0.0,
            gradient_clip=200.0,
            average_decay=0.999,
        ),
        released_as="fashion-vae-2d",
    )
