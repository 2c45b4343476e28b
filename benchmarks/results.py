"""What a run has measured, round by round, as medians with their spread and as ratios within the run."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.load import Load
from benchmarks.plan import Point

WEIGHTS: Final = ("seconds_to_ready", "peak_memory_mib", "worker_memory_mib")  # of `Weighed`

Metric = Callable[["Measured"], float | None]


@dataclass(frozen=True)
class Spread:
    """A median over rounds, between the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """None of no values."""
        return cls(statistics.median(values), min(values), max(values)) if values else None


@dataclass(frozen=True)
class Measured:
    """One peer under one load in one round.

    `sharing` is the busiest worker's processor time over the idlest's, None where the workers are not known.
    """

    peer: str
    round: int
    point: Point
    load: Load
    cpu_ms: float  # of all its processes, a request
    sharing: float | None


@dataclass(frozen=True)
class Weighed:
    """One peer's processes in one round, after all its loads."""

    peer: str
    round: int
    seconds_to_ready: float
    peak_memory_mib: float
    worker_memory_mib: float


@dataclass
class Results:
    """Everything that a run has measured."""

    about: dict[str, Any]
    floors: list[dict[str, dict[str, float]]] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    weighed: list[Weighed] = field(default_factory=list)
    differences: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def peers(self, point: Point | None = None) -> list[str]:
        """The peers that were measured, at `point` or at all, in the order of the first."""
        return list(dict.fromkeys(made.peer for made in self.measured if point in (None, made.point)))

    def points(self, loop: str) -> list[Point]:
        """The loads of one kind, in the order of the first."""
        return list(dict.fromkeys(made.point for made in self.measured if made.point.loop == loop))

    def rounds(self, peer: str, point: Point, metric: Metric) -> dict[int, float]:
        """A peer's values at a load by round; a round in which nothing was answered has none."""
        found = {
            made.round: metric(made)
            for made in self.measured
            if (made.peer, made.point) == (peer, point) and made.load.requests
        }
        return {number: value for number, value in found.items() if value is not None}

    def spread(self, peer: str, point: Point, metric: Metric) -> Spread | None:
        """The same over the rounds."""
        return Spread.of(list(self.rounds(peer, point, metric).values()))

    def ratio(self, peer: str, other: str, point: Point, metric: Metric) -> Spread | None:
        """`peer` over `other`, round by round, so that a machine that slows down slows both."""
        ours, theirs = self.rounds(peer, point, metric), self.rounds(other, point, metric)
        return Spread.of([ours[number] / theirs[number] for number in ours if theirs.get(number)])

    def floor(self, workload: str, step: str = "floor") -> Spread | None:
        """Microseconds of a step of the floor."""
        found = [made[workload][step] for made in self.floors if step in made.get(workload, {})]
        return Spread.of(found)

    def weight(self, peer: str, name: str) -> Spread | None:
        """One of the numbers of `Weighed`."""
        return Spread.of(list(self._weights(peer, name).values()))

    def weight_ratio(self, peer: str, other: str, name: str) -> Spread | None:
        """The same of `peer` over that of `other`, round by round."""
        ours, theirs = self._weights(peer, name), self._weights(other, name)
        return Spread.of([ours[number] / theirs[number] for number in ours if theirs.get(number)])

    def _weights(self, peer: str, name: str) -> dict[int, float]:
        return {made.round: getattr(made, name) for made in self.weighed if made.peer == peer}

    def errors(self, peer: str, point: Point) -> int:
        """All errors of a peer at a load."""
        return sum(made.load.errors for made in self.measured if (made.peer, made.point) == (peer, point))

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read what `save` wrote."""
        content = json.loads(path.read_text("utf-8"))
        measured = [
            Measured(**{**made, "point": Point(**made["point"]), "load": Load(**made["load"])})
            for made in content.pop("measured")
        ]
        weighed = [Weighed(**made) for made in content.pop("weighed")]
        return cls(**content, measured=measured, weighed=weighed)


def machine() -> dict[str, Any]:
    """Where and when, and how busy the machine was before the first load."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
