"""The project's targets of speed, and whether a run has met them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.peers import BARE, OURS, PEERS
from benchmarks.plan import SHARING_CONNECTIONS, Point
from benchmarks.results import Measured, Results, Spread
from benchmarks.workloads import LARGE, MANY, PHONE, SAME, SMALL

Verdict = Literal["met", "missed", "not measured"]

ONE: Final = Point(SMALL.name, "closed", 1)
_ONE_SAME: Final = Point(SAME.name, "closed", 1)
EIGHT: Final = Point(SMALL.name, "closed", SHARING_CONNECTIONS)
BUSY: Final = Point(SMALL.name, "closed", 32)
_ONE_LARGE: Final = Point(LARGE.name, "closed", 1)
_ONE_PHONE: Final = Point(PHONE.name, "closed", 1)
_ONE_OF_MANY: Final = Point(MANY.name, "closed", 1)
_RIVALS: Final = tuple(peer.name for peer in PEERS if peer.name not in {OURS, *BARE})


@dataclass(frozen=True)
class Target:
    """One row: what is measured, and what it must reach at `first` and should reach at `aim`.

    `least` says that more is better. `unit` follows the number; a ratio has none.
    """

    name: str
    measure: Callable[[Results], Spread | None]
    first: float | None
    aim: float | None
    least: bool = False
    unit: str = "x"

    def verdict(self, seen: Spread | None, bound: float | None) -> Verdict | None:
        """What the median says of a bound; None where there is none."""
        if bound is None:
            return None
        if seen is None:
            return "not measured"
        return "met" if (seen.median >= bound if self.least else seen.median <= bound) else "missed"


def rate(made: Measured) -> float:
    """Requests a second."""
    return made.load.requests_per_second


def p50(made: Measured) -> float:
    """The median latency in milliseconds."""
    return made.load.p50


def p99(made: Measured) -> float:
    """The latency in milliseconds that 99 of 100 requests stay below."""
    return made.load.p99


def p999(made: Measured) -> float:
    """The latency in milliseconds that 999 of 1000 requests stay below."""
    return made.load.p999


def cpu_ms(made: Measured) -> float:
    """Milliseconds of processor time that a request takes, of all the server's processes."""
    return made.cpu_ms


def stalls(made: Measured) -> float:
    """How much longer the slowest of a hundred take than the middle one."""
    return made.load.p99 / made.load.p50


def best_rival(results: Results, point: Point = BUSY) -> str | None:
    """Whoever answers most requests a second but us."""
    seen = {name: results.spread(name, point, rate) for name in _RIVALS}
    rates = {name: spread.median for name, spread in seen.items() if spread}
    return max(rates, key=rates.__getitem__, default=None)


def over_floor_us(results: Results) -> Spread | None:
    """Microseconds of one small picture's median request beyond decoding and the bare engine."""
    return _beyond(results, ONE, SMALL.name, pictures=1)


def _beyond(results: Results, point: Point, workload: str, pictures: int) -> Spread | None:
    taken = results.rounds(OURS, point, p50)
    floors = [made.get(workload, {}).get("floor") for made in results.floors]
    pairs = ((1e3 * value, floors[number]) for number, value in taken.items() if number < len(floors))
    return Spread.of([(value - floor) / pictures for value, floor in pairs if floor is not None])


def _over_scaled_decode(results: Results) -> Spread | None:
    taken = results.rounds(OURS, _ONE_LARGE, p50)
    alone = [made.get(LARGE.name, {}).get("scaled decode") for made in results.floors]
    pairs = ((1e3 * value, alone[number]) for number, value in taken.items() if number < len(alone))
    return Spread.of([value / decode for value, decode in pairs if decode])


def _against(other: str, point: Point) -> Callable[[Results], Spread | None]:
    return lambda results: results.ratio(OURS, other, point, rate)


def _against_best(results: Results) -> Spread | None:
    best = best_rival(results)
    return results.ratio(OURS, best, BUSY, rate) if best else None


TARGETS: Final = (
    Target(
        "1 connection: p50 over Starlette's",
        lambda results: results.ratio(OURS, "starlette", ONE, p50),
        first=1.2,
        aim=1.0,
    ),
    Target(
        "1 connection, one picture again and again: p99 over p50 (no stalls)",
        lambda results: results.spread(OURS, _ONE_SAME, stalls),
        first=2.0,
        aim=None,
    ),
    Target(
        "the same with 64 pictures in turn, of which some go all the way",
        lambda results: results.spread(OURS, ONE, stalls),
        first=2.0,
        aim=None,
    ),
    Target("32 connections: requests/s over Starlette's", _against("starlette", BUSY), 0.8, None, least=True),
    Target(
        "32 connections: requests/s over BentoML's as it comes",
        _against("bentoml-stock", BUSY),
        4,
        None,
        least=True,
    ),
    Target(
        "32 connections: requests/s over FastAPI + torch's",
        _against("fastapi-torch", BUSY),
        8,
        None,
        least=True,
    ),
    Target("32 connections: requests/s over the best peer's", _against_best, None, 1.0, least=True),
    Target("cost of a request over the floor, p50 at 1 connection", over_floor_us, 350, 200, unit=" us"),
    Target(
        "cost of a picture over the floor at 256 a request",
        lambda results: _beyond(results, _ONE_OF_MANY, MANY.name, pictures=256),
        first=60,
        aim=30,
        unit=" us",
    ),
    Target(
        "8 connections: busiest worker over the idlest (processor time)",
        lambda results: results.spread(OURS, EIGHT, lambda made: made.sharing),
        first=1.5,
        aim=1.1,
    ),
    Target("12-megapixel baseline JPEG over its scaled decode, p50", _over_scaled_decode, first=2.0, aim=1.3),
    Target(
        "400x500 JPEG, p50 at 1 connection",
        lambda results: results.spread(OURS, _ONE_PHONE, p50),
        first=15,
        aim=None,
        unit=" ms",
    ),
    Target("ready after start", lambda results: results.weight(OURS, "seconds_to_ready"), 4, None, unit=" s"),
    Target(
        "memory of a worker, peak",
        lambda results: results.weight(OURS, "worker_memory_mib"),
        first=300,
        aim=None,
        unit=" MiB",
    ),
)
