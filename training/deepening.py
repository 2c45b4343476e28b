"""A new second half behind a trained first half, which stays as it is.

It learns, from labels, the pictures that the branch is unsure of. What was trained together before served two
masters, and the second half had to be as small as its training was dear: here every step is its own, so that
it may be larger, and is right more often (decision 0342). Another course goes on from it, and learns what it
says together with an earlier release, which errs on other pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from fashion.errors import InvalidValue
from training.classifying import START
from training.distilling import frozen, said_together
from training.halved import HalvedSettings, HalvedSystem
from training.networks.early_exit import DeepenedClassifier, HalvedClassifier
from training.systems import Batch, System, Terms

DEEPENED: Final = "deepened"
"""The part whose second half is gone on from."""


@dataclass(frozen=True, slots=True)
class DeepenedSettings(HalvedSettings):
    """What to build, and how it is taught; `branch_weight` has no say, since the branch stays as it is."""

    def build(self) -> "DeepenedSystem":
        """A fresh second half; `build_on` gives it what comes before."""
        return DeepenedSystem(self)


class DeepenedSystem(HalvedSystem):
    """Cross-entropy in nats an image, over what the second half learns from."""

    network: DeepenedClassifier

    def __init__(self, settings: HalvedSettings) -> None:
        super().__init__(
            settings, DeepenedClassifier(settings.network, settings.branch, settings.second_half)
        )
        # In a tuple, which hides it from the optimiser and from checkpoints.
        self._before: tuple[HalvedClassifier, ...] = ()

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Take the first half and the branch of the part `start` and, where there is one, the second half of
        the part `deepened`; raises InvalidValue for anything else."""
        start, deepened = trained.get(START), trained.get(DEEPENED)
        if (
            not isinstance(start, HalvedSystem)
            or not isinstance(deepened, DeepenedSystem | None)
            or trained.keys() - {START, DEEPENED}
        ):
            raise InvalidValue(
                f"A second half builds on one classifier that was trained in halves, {START!r}, and on one "
                f"that has been deepened, {DEEPENED!r}, or none; came: {[*trained]}.",
                field="builds_on",
            )
        self.network.take_over(start.network)
        if deepened is not None:
            self.network.second.load_state_dict(deepened.network.second.state_dict())
            self._before = (frozen(deepened.network),)

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the cross-entropy and `error` the share of wrong answers, both of the pictures that are
        learned from; `learned_from` is their share."""
        with torch.no_grad():
            half = self.network.first(batch.images)
        chosen = self.chosen(half)
        maps = half.maps[chosen]
        logits = self.network.second(maps).logits.float()
        lesson = self.smoothed(batch.targets)[chosen]
        if self.teacher:
            lesson = lesson.lerp(self._taught(batch.images[chosen], maps), self.teachers_share)
        return {
            "total": functional.cross_entropy(logits, lesson),
            "error": (logits.argmax(dim=1) != batch.labels[chosen]).float().mean(),
            "learned_from": chosen.float().mean(),
        }

    def _taught(self, images: Tensor, maps: Tensor) -> Tensor:
        """What the released teacher and the second half before say together: (batch, labels), rows sum to
        1."""
        with torch.no_grad():
            before = [network.to(maps.device).second(maps).logits for network in self._before]
            return said_together([self.released.logits(images), *before])
