"""Results as Markdown tables: one function a table, from numbers to lines."""

from collections.abc import Iterable, Sequence

from benchmarks.peers import OURS
from benchmarks.plan import Point
from benchmarks.results import Measured, Metric, Results, Spread
from benchmarks.targets import BUSY, EIGHT, ONE, TARGETS, Target, over_floor_us, p50, p99, rate
from benchmarks.workloads import GENERATE, LARGE, MANY, PHONE, SMALL

_TITLES = {
    SMALL.name: "one 28x28 PNG",
    PHONE.name: "one 400x500 JPEG",
    LARGE.name: "one 12-megapixel baseline JPEG",
    MANY.name: "256 pictures of 28x28 in one request",
    GENERATE.name: "16 pictures generated",
}
_NONE = "-"


def number(value: float) -> str:
    """Three significant digits, as people write them."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(seen: Spread | None) -> str:
    """A median, and the lowest and highest of the rounds where they differ visibly."""
    if seen is None:
        return _NONE
    low, middle, high = map(number, (seen.low, seen.median, seen.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def middle(seen: Spread | None) -> str:
    """A median alone."""
    return _NONE if seen is None else number(seen.median)


def targets(results: Results) -> str:
    """Every target: what was measured, and whether it was met."""
    head = ("", "measured (lowest to highest round)", "first", "aim")
    return _table(head, (_target(results, target) for target in TARGETS))


def _target(results: Results, target: Target) -> list[str]:
    seen = target.measure(results)
    told = spread(seen) + (target.unit if seen else "")
    return [target.name, told, *(_bound(target, seen, bound) for bound in (target.first, target.aim))]


def _bound(target: Target, seen: Spread | None, bound: float | None) -> str:
    verdict = target.verdict(seen, bound)
    if verdict is None or bound is None:
        return ""
    told = f"**{verdict}**" if verdict == "missed" else verdict
    return f"{'>=' if target.least else '<='} {bound:g}{target.unit}: {told}"


def peers(results: Results) -> str:
    """Every peer with small pictures at 1 and at 32 connections, the fastest first."""
    head = (
        "",
        "requests/s at 1 connection",
        "p50, p99 ms",
        "requests/s at 32 connections",
        "p50, p99 ms",
        "ours / theirs",
    )
    shown = [name for name in results.peers(BUSY) if not name.startswith("empty-")]
    rows = []
    for name in sorted(shown, key=lambda each: -_middle(results, each, BUSY, rate)):
        cells = [f"**{name}**" if name == OURS else name]
        for point in (ONE, BUSY):
            cells.append(middle(results.spread(name, point, rate)))
            cells.append(", ".join(middle(results.spread(name, point, each)) for each in (p50, p99)))
        rows.append([*cells, middle(results.ratio(OURS, name, BUSY, rate))])
    return _table(head, rows)


def closed(results: Results, point: Point) -> str:
    """Every peer at one load of the closed loop, the fastest first."""
    head = ("", "requests/s", "ours / theirs", "p50 ms", "p99 ms", "p99.9 ms", "errors", "CPU ms a request")
    names = sorted(results.peers(point), key=lambda each: -_middle(results, each, point, rate))
    return _table(
        head,
        (
            [
                name,
                spread(results.spread(name, point, rate)),
                spread(results.ratio(OURS, name, point, rate)),
                *_latencies(results, name, point),
                str(results.errors(name, point)),
                middle(results.spread(name, point, lambda made: made.cpu_ms)),
            ]
            for name in names
        ),
    )


def opened(results: Results, point: Point) -> str:
    """Every peer at one rate of the open loop, the soonest first."""
    head = (
        "",
        "p50 ms",
        "ours / theirs",
        "p99 ms",
        "p99.9 ms",
        "errors",
        "CPU ms a request",
        "sent late, p99 ms",
    )
    names = sorted(results.peers(point), key=lambda each: _middle(results, each, point, p50))
    rows = []
    for name in names:
        half, *rest = _latencies(results, name, point)
        ratio = spread(results.ratio(OURS, name, point, p50))
        errors = str(results.errors(name, point))
        cpu = middle(results.spread(name, point, lambda made: made.cpu_ms))
        rows.append([name, half, ratio, *rest, errors, cpu, middle(results.spread(name, point, _late))])
    return _table(head, rows)


def servers(results: Results) -> str:
    """Every peer's start, memory and sharing of the work."""
    head = (
        "",
        "ready after s",
        "peak memory MiB, all processes",
        "of a worker",
        "busiest / idlest worker",
        "largest difference",
    )
    return _table(
        head,
        (
            [
                name,
                *(
                    spread(results.weight(name, each))
                    for each in ("seconds_to_ready", "peak_memory_mib", "worker_memory_mib")
                ),
                spread(results.spread(name, EIGHT, lambda made: made.sharing)),
                f"{results.differences[name]:.1g}" if name in results.differences else _NONE,
            ]
            for name in results.peers()
        ),
    )


def floor(results: Results) -> str:
    """Where a small picture's microseconds go, from the bare engine outwards."""
    steps = [
        ("decoding and the bare engine: **the floor**", results.floor(SMALL.name)),
        *(
            (f"of it or beside it: {step}", results.floor(SMALL.name, step))
            for step in ("decode", "prepare", "engine", "engine and answer")
        ),
        ("Starlette answering a constant, p50 at 1 connection", _us(results, "empty-starlette")),
        ("our service answering a constant", _us(results, "empty-service")),
        ("Starlette answering pictures", _us(results, "starlette")),
        ("our service answering pictures", _us(results, OURS)),
        ("**ours over the floor**", over_floor_us(results)),
        (
            "CPU time of ours, a request at 32 connections",
            results.spread(OURS, BUSY, lambda made: made.cpu_us),
        ),
    ]
    return _table(("", "us"), ([name, spread(seen)] for name, seen in steps))


def title(point: Point) -> str:
    """A load in words."""
    what = _TITLES.get(point.workload, point.workload)
    if point.loop == "open":
        return f"{what}, open loop at {point.level:.0%} of our capacity"
    return f"{what}, {point.level:g} connection{'s' if point.level > 1 else ''}"


def _us(results: Results, peer: str) -> Spread | None:
    return results.spread(peer, ONE, lambda made: 1e3 * made.load.p50)


def _latencies(results: Results, name: str, point: Point) -> list[str]:
    """p50, p99 and p99.9; a share that too few requests were there for is not told."""
    return [
        middle(results.spread(name, point, _if_enough(lambda made: made.load.p50, 1))),
        middle(results.spread(name, point, _if_enough(lambda made: made.load.p99, 100))),
        middle(results.spread(name, point, _if_enough(lambda made: made.load.p999, 1000))),
    ]


def _if_enough(metric: Metric, requests: int) -> Metric:
    return lambda made: metric(made) if made.load.requests >= requests else None


def _late(made: Measured) -> float:
    return made.load.late


def _middle(results: Results, name: str, point: Point, metric: Metric) -> float:
    seen = results.spread(name, point, metric)
    return seen.median if seen else 0.0


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
