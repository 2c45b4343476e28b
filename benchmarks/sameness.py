"""That every peer gives the same answer, checked before it is measured."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any, Final

import httpx
import numpy as np
from PIL import Image

from benchmarks.peers import Peer, Request
from benchmarks.processes import CannotCompare, Server
from benchmarks.workloads import Workload

_EXACT: Final = 1e-4
# On the mean of all pictures, where many are computed together: engines add up in another order in other
# batches, an integer graph may then round one activation the other way, and a picture of which half a network
# is only just sure may go the other way.
_IN_BATCHES: Final = 0.002
# On the mean of all pictures. An integer graph's biases are corrected for its rounding, and in float they
# correct what is not there; and a picture of which half a network is only just sure goes the other way. It
# costs no time, so the largest difference is told (in the table of starts) rather than refused.
_OTHER_PRECISION: Final = 0.02
# What follows from the numbers, and turns where one of them passes a threshold.
_DERIVED: Final = frozenset({"label", "class_index", "prediction_set", "in_distribution"})


def ask(server: Server, request: Request) -> Any:
    """A peer's answer as parsed JSON; raises CannotCompare where it is no answer."""
    made = httpx.post(
        server.url(request), content=request.body, headers={"content-type": request.content_type}, timeout=30
    )
    if made.status_code != httpx.codes.OK:
        raise CannotCompare(f"it answered {made.status_code}: {made.text[:300]}")
    return made.json()


def check_same(peer: Peer, workload: Workload, expected: Sequence[Any], came: Sequence[Any]) -> float:
    """The largest difference between the answers to a workload's requests; raises CannotCompare where that is
    too large.

    The name of the model may differ. Of many pictures the numbers are compared, and what follows from them is
    not; of a peer with another precision only the probabilities, by the mean over pictures.
    """
    if not peer.exact:
        apart = _apart(_probabilities(expected), _probabilities(came))
        _refuse_beyond(_OTHER_PRECISION, sum(apart) / len(apart), workload)
    elif workload.kind == "many":
        apart = _apart(_numbers(expected), _numbers(came))
        _refuse_beyond(_IN_BATCHES, sum(apart) / len(apart), workload)
    else:
        apart = _apart([_unnamed(answer) for answer in expected], [_unnamed(answer) for answer in came])
        _refuse_beyond(_EXACT, max(apart), workload)
    return max(apart)


def _apart(expected: Sequence[Any], came: Sequence[Any]) -> list[float]:
    """How far apart each pair is; infinitely where there are not as many."""
    if len(expected) != len(came):
        return [math.inf]
    return [difference(*pair) for pair in zip(expected, came, strict=True)]


def _refuse_beyond(limit: float, found: float, workload: Workload) -> None:
    if found > limit:
        raise CannotCompare(
            f"it answers {workload.name} otherwise than the models do: off by {found:g}, {limit:g} is allowed"
        )


def _probabilities(answers: Sequence[Any]) -> list[dict[str, float]]:
    return [made["probabilities"] for answer in answers for made in answer["predictions"]]


def _numbers(answers: Sequence[Any]) -> list[dict[str, Any]]:
    """Each picture's prediction, without what follows from its numbers."""
    return [
        {name: value for name, value in made.items() if name not in _DERIVED}
        for answer in answers
        for made in answer["predictions"]
    ]


def _unnamed(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "model"}


def difference(expected: Any, came: Any) -> float:
    """The largest difference of two numbers in the same place; infinite where the rest is not the same."""
    if isinstance(expected, dict) and isinstance(came, dict) and expected.keys() == came.keys():
        return max((_of_values(name, expected[name], came[name]) for name in expected), default=0.0)
    if isinstance(expected, list) and isinstance(came, list) and len(expected) == len(came):
        return max((difference(*pair) for pair in zip(expected, came, strict=True)), default=0.0)
    if isinstance(expected, float) and isinstance(came, int | float):
        return abs(expected - came)
    return 0.0 if expected == came else math.inf


def _of_values(name: str, expected: Any, came: Any) -> float:
    if name == "image" and expected != came:
        return float(np.abs(_pixels(expected) - _pixels(came)).max())
    return difference(expected, came)


def _pixels(encoded: str) -> Any:
    """Pixels on [0, 1] of a base64 PNG."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))), dtype=np.float32) / 255
