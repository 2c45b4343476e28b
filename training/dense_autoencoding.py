"""Settings of the dense variational autoencoders of two texts; the system is that of `autoencoding.py`."""

from dataclasses import dataclass, field

from training.autoencoding import Loss, VariationalSystem
from training.networks.dense import DenseAutoencoder, DenseAutoencoderSettings
from training.ranges import NotNegative


@dataclass(frozen=True, slots=True)
class DenseVariationalSettings:
    """What to build, and what it minimises."""

    network: DenseAutoencoderSettings = field(default_factory=DenseAutoencoderSettings)
    loss: Loss = "bce"
    """How a decoded image is compared: cross-entropy in nats, or squared error summed over the pixels."""
    beta: NotNegative = 1.0
    """Weight of the KL term."""

    def build(self) -> VariationalSystem:
        """A freshly initialised variational autoencoder."""
        network = DenseAutoencoder(self.network)
        return VariationalSystem(network, self.network.latent_size, beta=self.beta, loss=self.loss)
