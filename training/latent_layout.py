"""What the dimensions of an autoencoder with two modes stand for.

content   what the encoder finds in a picture, the same for both modes
label     one number a label, which the textured mode draws by; 1 for the label that is drawn, else 0
grain     chance that no picture is asked about: texture, and all that fifteen nats cannot tell
switch    about 1 in the smooth mode, about -1 in the textured one; the decoder goes by its sign

Pictures are encoded into the smooth mode. There label and grain say nothing: posterior and prior are both
N(0, 1), so they cost no nats, and the encoder stays ignorant of labels.
"""

from dataclasses import dataclass
from typing import Final

from fashion.labels import NUM_LABELS

SMOOTH: Final = 1.0
TEXTURED: Final = -1.0
SWITCH_LOG_VARIANCE: Final = -4.0
"""Of the switch about either place, in prior and posterior: they overlap nowhere."""
LABEL_DEVIATION: Final = 0.1
"""Of the numbers of the label in the textured mode, so that it knows what lies between two labels, too."""


@dataclass(frozen=True, slots=True)
class LatentLayout:
    """How many dimensions of each kind, in the order content, label, grain, switch."""

    content: int
    grain: int

    @property
    def drawn(self) -> int:
        """All that the textured mode looks at: everything but the switch."""
        return self.content + NUM_LABELS + self.grain

    @property
    def size(self) -> int:
        """All of them."""
        return self.drawn + 1
