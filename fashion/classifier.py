"""A classifier's artifact as answers: probabilities, a prediction set, novelty, and where the network looked.

Logits become answers by what the manifest carries for each kind of input (see fashion.manifest.Calibration);
a kind without a fit of its own gets the plain softmax, no coverage and no novelty, and says so by None.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashion.artifact import Artifact
from fashion.engine import Array, Graph
from fashion.errors import WrongKind
from fashion.inputs import SIDE, InputKind
from fashion.networks import EarlyExitNetwork, Network, joined
from fashion.novelty import Outputs
from fashion.prediction import Answers, Prediction, softmax, with_confidence
from fashion.preparation import Prepared

__all__ = ["Classifier", "Heat", "Prediction", "softmax", "with_confidence"]

T = TypeVar("T")

MOST_VIEWS: Final = 4
"""Photographs in one call of a network of their own: more take longer each, and memory (decision 0110)."""

Heat = NDArray[np.float32]  # (28, 28) in [0, 1]


class InPasses(Protocol):
    """A way to take many pictures through a network, some of them at a time (see `fashion.parts.InParts`)."""

    def __call__(
        self, compute: Callable[[Sequence[Prepared]], T], pictures: Sequence[Prepared], most: int, /
    ) -> list[T]:
        """What `compute` makes of the first so many, the next and so on: never of more than `most`."""
        ...


def as_many_as_fit(
    compute: Callable[[Sequence[Prepared]], T], pictures: Sequence[Prepared], most: int, /
) -> list[T]:
    """The plainest `InPasses`: one after the other, each as large as may be."""
    return [compute(pictures[start : start + most]) for start in range(0, len(pictures), most)]


class Classifier:
    """A loaded classifier. Thread-safe; holds no state between calls.

    An artifact may bring a second network for photographs, which looks at `view_side` pixels a side in colour
    instead of the network input; None where one network answers for both kinds. Prepare pictures accordingly.
    """

    def __init__(self, artifact: Artifact) -> None:
        """Raises WrongKind where the artifact is no classifier."""
        if artifact.manifest.kind != "classifier":
            raise WrongKind(
                f"{artifact.manifest.name} is an {artifact.manifest.kind}; a classifier is needed here"
            )
        graphs = artifact.graphs
        self.artifact: Final = artifact
        self.view_side: int | None = None
        rule = artifact.manifest.early_exit
        # Who may leave early was chosen on network inputs: a photograph goes all the way.
        self._networks: dict[InputKind, Network] = {
            "network_input": _network(graphs, rule.confidence if rule else None),
            "photograph": _network(graphs, math.inf if rule else None),
        }
        if own := graphs.get("photograph_classifier"):
            self._networks["photograph"] = Network(own, graphs.get("photograph_explainer"), MOST_VIEWS)
            self.view_side = int(own.spec.inputs[0].shape[1])
        self._answers = {
            kind: Answers(artifact.manifest.calibration.get(kind), artifact) for kind in self._networks
        }

    def classify(
        self, pictures: Sequence[Prepared], in_passes: InPasses = as_many_as_fit
    ) -> list[Prediction]:
        """Classify one or more prepared pictures, each kind by its network."""
        return _each_kind(
            pictures, lambda some: self.predictions(self.outputs(some, in_passes), some[0].kind)
        )

    def explain(
        self, pictures: Sequence[Prepared], in_passes: InPasses = as_many_as_fit
    ) -> list[tuple[Prediction, Heat | None]]:
        """Classify, and say where the evidence for each predicted label lies.

        Beside each prediction comes its class activation map over what the network looked at, (28, 28) in [0,
        1] and 1 where the evidence is strongest (Zhou et al. 2016, arXiv:1512.04150); None for a network
        without one.
        """
        return _each_kind(pictures, lambda some: self._explained(some, in_passes))

    def outputs(self, pictures: Sequence[Prepared], in_passes: InPasses = as_many_as_fit) -> Outputs:
        """What the network computes of pictures of one kind."""
        network = self._networks[pictures[0].kind]
        return joined(in_passes(lambda some: network.outputs(self._input(some)), pictures, network.most))

    def predictions(self, outputs: Outputs, kind: InputKind) -> list[Prediction]:
        """Answers from a network's outputs, as pictures of `kind` were calibrated."""
        return self._answers[kind].answer(outputs, kind)

    def _explained(
        self, pictures: Sequence[Prepared], in_passes: InPasses
    ) -> list[tuple[Prediction, Heat | None]]:
        kind = pictures[0].kind
        network = self._networks[kind]
        made = in_passes(lambda some: network.explained(self._input(some)), pictures, network.most)
        predictions = self.predictions(joined([outputs for outputs, _ in made]), kind)
        rows = [row for _, maps in made for row in (maps if maps is not None else ())]
        if not rows:
            return [(prediction, None) for prediction in predictions]
        return [
            (prediction, _as_heat(maps[prediction.class_index]))
            for prediction, maps in zip(predictions, rows, strict=True)
        ]

    def _input(self, pictures: Sequence[Prepared]) -> Array:
        """What the network of these pictures' kind looks at: (batch, 28, 28) or (batch, side, side, 3)."""
        if self.view_side is None or pictures[0].kind == "network_input":
            if len(pictures) == 1:
                return pictures[0].network_input[np.newaxis]
            return np.array([picture.network_input for picture in pictures])
        views = [picture.view for picture in pictures if picture.view is not None]
        if len(views) < len(pictures):
            raise ValueError(f"prepare photographs for this classifier with view_side={self.view_side}")
        return np.array(views)


def _network(graphs: Mapping[str, Graph], confidence: float | None) -> Network:
    """The network for network inputs; with `confidence` the one with an early exit."""
    if confidence is None:
        return Network(graphs["classifier"], graphs.get("explainer"))
    return EarlyExitNetwork(
        graphs["classifier"], graphs["deep_classifier"], graphs.get("explainer"), confidence
    )


def _each_kind(pictures: Sequence[Prepared], answer: Callable[[Sequence[Prepared]], list[T]]) -> list[T]:
    """What `answer` says of the pictures of each kind, in the pictures' order."""
    kinds = {picture.kind for picture in pictures}
    if len(kinds) == 1:
        return answer(pictures)
    answers: dict[int, T] = {}
    for kind in kinds:
        rows = [row for row, picture in enumerate(pictures) if picture.kind == kind]
        answers |= dict(zip(rows, answer([pictures[row] for row in rows]), strict=True))
    return [answers[row] for row in range(len(pictures))]


def _as_heat(evidence: Array) -> Heat:
    """Evidence (height, width) of any range, enlarged to 28x28, its positive part scaled to [0, 1]."""
    positive = np.maximum(evidence.astype(np.float32), 0)
    enlarged = np.asarray(
        Image.fromarray(positive).resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float32
    )
    return enlarged / max(float(enlarged.max()), 1e-9)
