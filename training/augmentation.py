"""Random changes of training pictures that leave their labels true, vectorised over the batch.

Everything random comes from the generator that is passed in, so that a batch is a pure function of the seed, the
epoch and the step: an interrupted run continues with the very pictures it would have seen.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What may happen to a training picture; the default changes nothing."""

    flip: float = 0.0
    """Probability of mirroring left to right."""
    shift: int = 0
    """Furthest move in pixels, in each direction; what moves in is black."""
    erase: float = 0.0
    """Probability of overwriting a rectangle with noise (random erasing, arXiv:1708.04896)."""
    erase_largest: float = 0.3
    """Largest share of the picture's area that is overwritten."""
    mixup: float = 0.0
    """Alpha of the Beta distribution that mixes pairs of pictures (arXiv:1710.09412); 0: none."""
    cutmix: float = 0.0
    """Alpha of the Beta distribution that pastes rectangles between pairs (arXiv:1905.04899); 0: none."""
