"""Results as Markdown tables: one function a table, from numbers to lines."""

from collections.abc import Iterable, Sequence

from benchmarks.peers import BARE, OURS
from benchmarks.plan import Point
from benchmarks.results import WEIGHTS, Measured, Metric, Results, Spread
from benchmarks.targets import BUSY, EIGHT, ONE, TARGETS, Target, cpu_ms, over_floor_us, p50, p99, p999, rate
from benchmarks.workloads import GENERATE, LARGE, MANY, PHONE, SAME, SMALL

_TITLES = {
    SMALL.name: "one 28x28 PNG",
    SAME.name: "one 28x28 PNG, the same again and again",
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


def spread(seen: Spread | None, unit: str = "") -> str:
    """A median, and the lowest and highest of the rounds where they differ visibly."""
    if seen is None:
        return _NONE
    low, middle, high = map(number, (seen.low, seen.median, seen.high))
    return f"{middle}{unit}" if low == high else f"{middle}{unit} ({low} to {high})"


def middle(seen: Spread | None) -> str:
    """A median alone."""
    return _NONE if seen is None else number(seen.median)


def targets(results: Results) -> str:
    """Every target: what was measured, and whether it was met."""
    head = ("", "measured (lowest to highest round)", "first", "aim")
    return _table(head, (_target(results, target) for target in TARGETS))


def _target(results: Results, target: Target) -> list[str]:
    seen = target.measure(results)
    told = spread(seen, target.unit)
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
    shown = [name for name in results.peers(BUSY) if name not in BARE]
    rows = []
    for name in sorted(shown, key=lambda each: -_middle(results, each, BUSY, rate)):
        cells = [f"**{name}**" if name == OURS else name]
        for point in (ONE, BUSY):
            cells.append(middle(results.spread(name, point, rate)))
            cells.append(", ".join(middle(results.spread(name, point, each)) for each in (p50, p99)))
        rows.append([*cells, middle(results.ratio(OURS, name, BUSY, rate))])
    return _table(head, rows)


def closed(results: Results, point: Point) -> str:
    """Every peer at one load of the closed loop, the fastest first; in brackets ours over theirs."""
    head = ("", "requests/s", "ours / theirs", "p50 ms", "p99 ms", "p99.9 ms", "CPU ms a request", "errors")
    names = sorted(results.peers(point), key=lambda each: -_middle(results, each, point, rate))
    rates = {name: spread(results.spread(name, point, rate)) for name in names}
    ratios = {name: spread(results.ratio(OURS, name, point, rate)) for name in names}
    return _table(head, ([name, rates[name], ratios[name], *_costs(results, name, point)] for name in names))


def opened(results: Results, point: Point) -> str:
    """Every peer at one rate of the open loop, the soonest first; in brackets ours over theirs."""
    head = ("", "sent late, p99 ms", "p50 ms", "p99 ms", "p99.9 ms", "CPU ms a request", "errors")
    names = sorted(results.peers(point), key=lambda each: _middle(results, each, point, p50))
    late = {name: middle(results.spread(name, point, lambda made: made.load.late)) for name in names}
    return _table(head, ([name, late[name], *_costs(results, name, point)] for name in names))


def _costs(results: Results, name: str, point: Point) -> list[str]:
    """Latencies, processor time and errors; a percentile that too few requests were there for is not told."""
    told = [
        _beside(results, name, point, metric)
        for metric in (p50, _if_enough(p99, 100), _if_enough(p999, 1000), cpu_ms)
    ]
    return [*told, str(results.errors(name, point))]


def _beside(results: Results, name: str, point: Point, metric: Metric) -> str:
    """A peer's median, and in brackets ours over theirs."""
    told, ratio = middle(results.spread(name, point, metric)), results.ratio(OURS, name, point, metric)
    return told if ratio is None or name == OURS else f"{told} ({number(ratio.median)})"


def _if_enough(metric: Metric, requests: int) -> Metric:
    return lambda made: metric(made) if made.load.requests >= requests else None


def servers(results: Results) -> str:
    """Every peer's start, memory and sharing of the work."""
    head = (
        "",
        "ready after s",
        "peak memory MiB, all processes",
        "ours / theirs",
        "of a worker",
        "busiest / idlest worker, 8 connections",
        "answers differ by",
    )
    rows = []
    for name in results.peers():
        ready, memory, worker = (results.weight(name, each) for each in WEIGHTS)
        beside = middle(results.weight_ratio(OURS, name, WEIGHTS[1]))
        sharing = spread(results.spread(name, EIGHT, lambda made: made.sharing))
        differs = f"{results.differences[name]:.1g}" if name in results.differences else _NONE
        rows.append([name, spread(ready), spread(memory), beside, spread(worker), sharing, differs])
    return _table(head, rows)


def floor(results: Results) -> str:
    """Where a small picture's microseconds go, from the bare engine outwards."""
    steps = [
        ("decoding and the bare engine: **the floor**", results.floor(SMALL.name)),
        *(
            (f"of it or beside it: {step}", results.floor(SMALL.name, step))
            for step in ("decode", "prepare", "engine", "engine, the mean picture", "engine and answer")
        ),
        ("Starlette answering a constant, p50 at 1 connection", _us(results, "empty-starlette")),
        ("our service answering a constant", _us(results, "empty-service")),
        ("Starlette answering pictures", _us(results, "starlette")),
        ("our service answering pictures", _us(results, OURS)),
        ("**ours over the floor**", over_floor_us(results)),
        ("CPU time of ours, a request at 32 connections", results.spread(OURS, BUSY, _cpu_us)),
    ]
    return _table(("", "us"), ([name, spread(seen)] for name, seen in steps))


def title(point: Point) -> str:
    """A load in words."""
    what = _TITLES.get(point.workload, point.workload)
    if point.loop == "open":
        return f"{what}, open loop at {point.level:.0%} of our capacity"
    return f"{what}, {point.level:g} connection{'s' if point.level > 1 else ''}"


def _cpu_us(made: Measured) -> float:
    return 1e3 * made.cpu_ms


def _us(results: Results, peer: str) -> Spread | None:
    return results.spread(peer, ONE, lambda made: 1e3 * made.load.p50)


def _middle(results: Results, name: str, point: Point, metric: Metric) -> float:
    seen = results.spread(name, point, metric)
    return seen.median if seen else 0.0


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
