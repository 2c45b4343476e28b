"""A classifier's artifact as answers: probabilities, a prediction set, novelty, and where the network looked.

Logits become answers by what the manifest carries for each kind of input (see fashion.manifest.Calibration);
a kind without a fit of its own gets the plain softmax, no coverage and no novelty, and says so by None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashion.artifact import Artifact
from fashion.engine import Array, Graph
from fashion.errors import WrongKind
from fashion.labels import NUM_LABELS
from fashion.manifest import EARLY_STATISTICS, Calibration
from fashion.novelty import NoveltyScore, Outputs
from fashion.preparation import SIDE, InputKind, Prepared

Float64 = NDArray[np.float64]
_LEAST: Final = 1e-9  # keeps logarithms finite where a probability is 0 or 1
Heat = NDArray[np.float32]  # (28, 28) in [0, 1]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier says of one picture."""

    class_index: int
    probabilities: Float64  # (labels,), sums to 1
    prediction_set: tuple[int, ...]  # class indices, most probable first, never empty
    coverage: float | None
    novelty: float | None  # 0 to 1
    in_distribution: bool | None
    prepared_as: InputKind

    @property
    def probability(self) -> float:
        """The probability of the predicted label."""
        return float(self.probabilities[self.class_index])


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
        network = _Network(graphs["classifier"], graphs.get("explainer"))
        self._networks: dict[InputKind, _Network] = {"network_input": network, "photograph": network}
        if own := graphs.get("photograph_classifier"):
            self._networks["photograph"] = _Network(own, graphs.get("photograph_explainer"))
            self.view_side = int(own.spec.inputs[0].shape[1])
        self._answers = {
            kind: _Answers(artifact.manifest.calibration.get(kind), artifact) for kind in self._networks
        }

    def classify(self, pictures: Sequence[Prepared]) -> list[Prediction]:
        """Classify one or more prepared pictures, each kind in one pass through its network."""
        return [made for made, _ in self._each(pictures, explain=False)]

    def explain(self, pictures: Sequence[Prepared]) -> list[tuple[Prediction, Heat | None]]:
        """Classify, and say where the evidence for each predicted label lies.

        Beside each prediction comes its class activation map over what the network looked at, (28, 28) in [0,
        1] and 1 where the evidence is strongest (Zhou et al. 2016, arXiv:1512.04150); None for a network
        without one.
        """
        return self._each(pictures, explain=True)

    def outputs(self, pictures: Sequence[Prepared]) -> Outputs:
        """What the network computes of pictures of one kind."""
        network = self._networks[pictures[0].kind]
        return Outputs(*network.graph(self._input(pictures), outputs=network.wanted))

    def predictions(self, outputs: Outputs, kind: InputKind) -> list[Prediction]:
        """Answers from a network's outputs, as pictures of `kind` were calibrated."""
        return self._answers[kind].answer(outputs, kind)

    def _each(self, pictures: Sequence[Prepared], *, explain: bool) -> list[tuple[Prediction, Heat | None]]:
        kinds = {picture.kind for picture in pictures}
        if len(kinds) == 1:
            return self._of_one_kind(pictures, explain)
        answers: dict[int, tuple[Prediction, Heat | None]] = {}
        for kind in kinds:
            rows = [row for row, picture in enumerate(pictures) if picture.kind == kind]
            made = self._of_one_kind([pictures[row] for row in rows], explain)
            answers |= dict(zip(rows, made, strict=True))
        return [answers[row] for row in range(len(pictures))]

    def _of_one_kind(
        self, pictures: Sequence[Prepared], explain: bool
    ) -> list[tuple[Prediction, Heat | None]]:
        kind = pictures[0].kind
        network = self._networks[kind]
        if not explain or network.explainer is None:
            return [(made, None) for made in self.predictions(self.outputs(pictures), kind)]
        feature_maps, *outputs = network.graph(
            self._input(pictures), outputs=["feature_maps", *network.wanted]
        )
        predictions = self.predictions(Outputs(*outputs), kind)
        (maps,) = network.explainer(feature_maps)  # (batch, labels, height, width)
        return [(made, _as_heat(maps[row, made.class_index])) for row, made in enumerate(predictions)]

    def _input(self, pictures: Sequence[Prepared]) -> Array:
        """What the network of these pictures' kind looks at: (batch, 28, 28) or (batch, side, side, 3)."""
        if self.view_side is None or pictures[0].kind == "network_input":
            return np.stack([picture.network_input for picture in pictures])
        views = [picture.view for picture in pictures if picture.view is not None]
        if len(views) < len(pictures):
            raise ValueError(f"prepare photographs for this classifier with view_side={self.view_side}")
        return np.stack(views)


class _Network:
    """A classifier's graph, the graph that explains it, and the outputs that answers are made from."""

    def __init__(self, graph: Graph, explainer: Graph | None) -> None:
        self.graph = graph
        self.explainer = explainer
        given = {tensor.name for tensor in graph.spec.outputs}
        self.wanted = ["logits", "features", *({EARLY_STATISTICS} & given)]


class _Answers:
    """One kind's calibration, as arrays that are ready to use."""

    def __init__(self, fit: Calibration | None, artifact: Artifact) -> None:
        self._scale = np.array(fit.logit_scale if fit else np.ones(NUM_LABELS))
        self._bias = np.array(fit.logit_bias if fit else np.zeros(NUM_LABELS))
        self._curve = fit.confidence_curve if fit else None
        self._thresholds = np.array(fit.set_thresholds) if fit else None
        self._coverage = fit.coverage if fit else None
        self._novelty = NoveltyScore.from_artifact(fit, artifact) if fit else None
        self._quantiles = np.array(fit.novelty_quantiles) if fit else np.zeros(0)
        self._novelty_threshold = fit.novelty_threshold if fit else 1.0

    def answer(self, outputs: Outputs, kind: InputKind) -> list[Prediction]:
        probabilities = softmax(outputs.logits * self._scale + self._bias)
        best = probabilities.argmax(axis=1).tolist()
        sets = self._sets(probabilities, best)
        if self._curve is not None:
            probabilities = with_confidence(probabilities, self._curve)
        rank = self._rank(outputs)
        novelty = [None] * len(best) if rank is None else rank.tolist()
        usual = [None] * len(best) if rank is None else (rank <= self._novelty_threshold).tolist()
        return [
            Prediction(
                best[row], probabilities[row], sets[row], self._coverage, novelty[row], usual[row], kind
            )
            for row in range(len(best))
        ]

    def _sets(self, probabilities: Float64, best: list[int]) -> list[tuple[int, ...]]:
        if self._thresholds is None:
            return [(index,) for index in best]
        members: list[list[int]] = [[] for _ in best]
        rows, indices = np.nonzero(probabilities >= self._thresholds)
        for row, index in zip(rows.tolist(), indices.tolist(), strict=True):
            members[row].append(index)
        return [
            tuple(found)
            if len(found) == 1
            else _most_probable_first(found, probabilities[row]) or (best[row],)
            for row, found in enumerate(members)
        ]

    def _rank(self, outputs: Outputs) -> Float64 | None:
        """The share of calibration pictures that look less unusual, (batch,)."""
        if self._novelty is None:
            return None
        below = np.searchsorted(self._quantiles, self._novelty(outputs))
        return np.asarray(below / len(self._quantiles), dtype=np.float64)


def _most_probable_first(indices: list[int], probabilities: Float64) -> tuple[int, ...]:
    return tuple(sorted(indices, key=lambda index: -float(probabilities[index])))


def softmax(logits: NDArray[Any]) -> Float64:
    """Probabilities (batch, labels) of logits (batch, labels), in double precision."""
    shifted = np.exp(np.subtract(logits, logits.max(axis=1, keepdims=True), dtype=np.float64))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def with_confidence(probabilities: Float64, curve: tuple[float, float, float]) -> Float64:
    """Move each row's highest probability along a curve; the others share what is left as they did before.

    With the curve (a, b, c), logit(new) = a log(old) - b log(1 - old) + c: beta calibration (Kull et al.
    2017, PMLR 54:623). The most probable label stays the most probable one.
    """
    a, b, c = curve
    rows, best = np.arange(len(probabilities)), probabilities.argmax(axis=1)
    top = np.clip(probabilities[rows, best], _LEAST, 1 - _LEAST)
    others = probabilities.copy()
    others[rows, best] = 0
    second, left = others.max(axis=1), np.maximum(others.sum(axis=1), _LEAST)
    moved = 1 / (1 + np.exp(-(a * np.log(top) - b * np.log1p(-top) + c)))
    moved = np.maximum(moved, second / (left + second) + _LEAST)
    others *= ((1 - moved) / left)[:, None]
    others[rows, best] = moved
    return np.asarray(others / others.sum(axis=1, keepdims=True))


def _as_heat(evidence: Array) -> Heat:
    """Evidence (height, width) of any range, enlarged to 28x28, its positive part scaled to [0, 1]."""
    positive = np.maximum(evidence.astype(np.float32), 0)
    enlarged = np.asarray(
        Image.fromarray(positive).resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float32
    )
    return enlarged / max(float(enlarged.max()), 1e-9)
