"""Recipes of the five texts that the project grew from, under the names of what they built.

Sizes, losses, batches and epochs are the texts'. Learning-rate schedules are ours: the same work teaches
more. What else differs is told in docs/systems/, with the reason.
"""

from collections.abc import Callable
from typing import Final

from training.augmentation import Augmentation
from training.dense_autoencoding import DenseVariationalSettings
from training.networks.dense import DenseAutoencoderSettings
from training.optimisation import Optimisation
from training.plain_autoencoding import BottleneckSystemSettings
from training.plain_classifying import DenseClassifierSystemSettings, PlainClassifierSystemSettings
from training.recipes.recipe import Recipe


def ms_robot() -> Recipe:
    """Text 000: a dense variational autoencoder of two dimensions, drawn as a plane of clothes."""
    return Recipe(
        name="ms-robot",
        summary="dense VAE 784-512-2-512-784, whose latent plane can be looked at whole",
        source="seed 000, Ms.Robot",
        system=DenseVariationalSettings(DenseAutoencoderSettings(hidden=(512,), latent_size=2)),
        optimisation=Optimisation(
            epochs=10, batch_size=256, learning_rate=2e-3, weight_decay=0.0, gradient_clip=200.0
        ),
        released_as="ms-robot",
    )


def conv_autoencoder() -> Recipe:
    """Text 001: a convolutional autoencoder with a bottleneck of two dimensions."""
    return Recipe(
        name="conv-autoencoder",
        summary="plain convolutional autoencoder with two dimensions between encoder and decoder",
        source="seed 001, My First Step into the Fashion Industry",
        system=BottleneckSystemSettings(),
        optimisation=Optimisation(
            epochs=10,
            batch_size=128,
            optimiser="rmsprop",
            learning_rate=1e-3,
            weight_decay=0.0,
        ),
        released_as="conv-autoencoder",
    )


def dense_vae() -> Recipe:
    """Text 002: a deeper dense variational autoencoder of 128 dimensions."""
    return Recipe(
        name="dense-vae",
        summary="dense VAE 784-512-256-128, the latent 128 dimensions large",
        source="seed 002, Variational Fashion Encoder",
        system=DenseVariationalSettings(DenseAutoencoderSettings(hidden=(512, 256), latent_size=128)),
        optimisation=Optimisation(
            epochs=15, batch_size=100, learning_rate=1e-3, warm_up=0.1, weight_decay=0.0, gradient_clip=200.0
        ),
        released_as="dense-vae",
    )


def mlp() -> Recipe:
    """Text 003: one hidden layer, five epochs."""
    return Recipe(
        name="mlp",
        summary="dense classifier with one hidden layer of 128 units, five epochs",
        source="seed 003, TensorFlow Clothes",
        system=DenseClassifierSystemSettings(),
        optimisation=Optimisation(epochs=5, batch_size=64, learning_rate=2e-3, weight_decay=1e-2),
        released_as="mlp",
    )


def cnn() -> Recipe:
    """Text 004: six convolutions, batch norm, global average pooling and dropout, stopped early."""
    return Recipe(
        name="cnn",
        summary="six plain convolutions to 64 pooled features, easy to look into",
        source="seed 004, Fashion MNIST Image Classification & Visualisation",
        system=PlainClassifierSystemSettings(),
        optimisation=Optimisation(
            epochs=12, batch_size=128, learning_rate=1e-2, weight_decay=1e-2, patience=4
        ),
        augmentation=Augmentation(flip=0.5, shift=1),
        released_as="cnn",
    )


SEEDS: Final[dict[str, Callable[[], Recipe]]] = {
    "ms-robot": ms_robot,
    "conv-autoencoder": conv_autoencoder,
    "dense-vae": dense_vae,
    "mlp": mlp,
    "cnn": cnn,
}
"""Every text's recipe by name, in the order of the texts."""
