"""The recipe of the two-dimensional companion: a VAE whose latent space can be drawn whole."""

from dataclasses import replace

from training.autoencoding import VariationalSettings
from training.networks.autoencoders import ConvolutionalSettings
from training.recipes.recipe import Recipe
from training.recipes.vae import vae_likelihood


def vae_2d() -> Recipe:
    """Half the width of the released VAE: two numbers leave little to say, however large the network."""
    return Recipe(
        name="vae-2d",
        summary="small VAE of two dimensions, released for the 30x30 manifold",
        system=VariationalSettings(ConvolutionalSettings(latent_size=2, width=16, full_width=8)),
        optimisation=replace(vae_likelihood().optimisation, epochs=5),
        released_as="fashion-vae-2d",
    )
