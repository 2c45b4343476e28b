"""A classifier's graphs, put together: from what pictures look like to what answers are made from.

A network may have an early exit (BranchyNet, Teerapittayanon et al. 2016, arXiv:1709.01686): a branch answers
what its first half is sure of, and its second half computes the other rows only.
"""

import math
import sys
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.engine import Array, Graph
from fashion.manifest import EARLY_STATISTICS, STEM_MAPS
from fashion.novelty import Outputs

_FIRST_HALF: Final = [STEM_MAPS, "logits", "features", EARLY_STATISTICS]
_ALONE: Final = (np.array([False]), np.array([True]))
for _flags in _ALONE:
    _flags.setflags(write=False)


class Network:
    """A classifier's graph, and the graph that explains it. At most `most` pictures go through it at once."""

    def __init__(self, graph: Graph, explainer: Graph | None = None, most: int = sys.maxsize) -> None:
        self.graph: Final = graph
        self.explainer: Final = explainer
        self.most: Final = most
        given = {tensor.name for tensor in graph.spec.outputs}
        self._wanted = ["logits", "features", *({EARLY_STATISTICS} & given)]

    def outputs(self, images: Array) -> Outputs:
        """What answers are made from: of (batch, 28, 28), or of (batch, side, side, 3)."""
        return Outputs(*self.graph(images, outputs=self._wanted))

    def explained(self, images: Array) -> tuple[Outputs, Array | None]:
        """The same, and class activation maps (batch, labels, height, width); None without an explainer."""
        if self.explainer is None:
            return self.outputs(images), None
        feature_maps, *outputs = self.graph(images, outputs=["feature_maps", *self._wanted])
        (maps,) = self.explainer(feature_maps)
        return Outputs(*outputs), maps


class EarlyExitNetwork(Network):
    """A network in two halves, of which the second is asked about what the first is not sure of.

    Features and early statistics are the first half's for every picture, so that novelty is measured in one
    space. Pictures are answered alike whether they are to be explained or not.
    """

    def __init__(self, graph: Graph, deeper: Graph, explainer: Graph | None, confidence: float) -> None:
        """The answer of `graph` stands where its label's probability is `confidence` or more: nowhere where
        that is more than 1."""
        super().__init__(graph, explainer)
        self._deeper = deeper
        self._largest_sum = 1 / confidence

    def outputs(self, images: Array) -> Outputs:
        """Of (batch, 28, 28)."""
        maps, logits, features, early = self.graph(images, outputs=_FIRST_HALF)
        if len(images) == 1:
            sure = _ALONE[self._is_sure(logits[0].tolist())]
            if not sure[0]:
                (logits,) = self._deeper(maps, outputs=["logits"])
        else:
            sure = self._are_sure(logits)
            if not sure.all():
                (logits[~sure],) = self._deeper(maps[~sure], outputs=["logits"])
        return Outputs(logits, features, early, sure)

    def explained(self, images: Array) -> tuple[Outputs, Array | None]:
        """All pictures go through both halves: the maps are the second one's."""
        if self.explainer is None:
            return self.outputs(images), None
        stem_maps, logits, features, early = self.graph(images, outputs=_FIRST_HALF)
        deep, feature_maps = self._deeper(stem_maps, outputs=["logits", "feature_maps"])
        sure = self._are_sure(logits)
        logits[~sure] = deep[~sure]
        (maps,) = self.explainer(feature_maps)
        return Outputs(logits, features, early, sure), maps

    def _is_sure(self, logits: list[float]) -> bool:
        top = max(logits)
        return sum([math.exp(logit - top) for logit in logits]) <= self._largest_sum

    def _are_sure(self, logits: Array) -> NDArray[np.bool_]:
        """The same of (batch, labels)."""
        exact = logits.astype(np.float64)
        sums = np.exp(exact - exact.max(axis=1, keepdims=True)).sum(axis=1)
        return np.asarray(sums <= self._largest_sum)


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The rows of all parts."""
    if len(parts) == 1:
        return parts[0]
    logits, features, early, left_early = zip(*parts, strict=True)
    return Outputs(
        np.concatenate(logits), np.concatenate(features), _concatenated(early), _concatenated(left_early)
    )


def _concatenated(columns: Sequence[Array | None]) -> Array | None:
    present = [column for column in columns if column is not None]
    return np.concatenate(present) if present else None
