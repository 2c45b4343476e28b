"""Results as drawings: requests a second, latency at rates that everyone is given, and ours over theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from benchmarks import tables
from benchmarks.peers import BARE, OURS
from benchmarks.results import Results
from benchmarks.targets import BUSY, cpu_ms, p50, p99, p999, rate
from benchmarks.workloads import SMALL

_MEASURES: Final = {"requests/s": rate, "p50": p50, "p99": p99, "p99.9": p999, "CPU a request": cpu_ms}
_PLAIN: Final = StrMethodFormatter("{x:g}")
_OURS: Final = "#c2410c"
_THEIRS: Final = "#94a3b8"
# Text stays text and ids stay the same: the files are small, and differ only where numbers do.
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
    "font.size": 9,
    "axes.spines.top": False,
}


def plot_throughput(results: Results, path: Path) -> None:
    """Requests/s of every peer with small pictures, a panel for each number of connections."""
    points = [point for point in results.points("closed") if point.workload == SMALL.name]
    with _figure(path, len(points), 3.2) as axes:
        for axis, point in zip(axes, points, strict=False):
            seen = {name: results.spread(name, point, rate) for name in results.peers(point)}
            rows = [(name, value) for name, value in seen.items() if value and name not in BARE]
            rows.sort(key=lambda row: row[1].median)
            middles = [value.median for _, value in rows]
            reach = [[v.median - v.low for _, v in rows], [v.high - v.median for _, v in rows]]
            colours = [_OURS if name == OURS else _THEIRS for name, _ in rows]
            axis.barh([name for name, _ in rows], middles, xerr=reach, color=colours, error_kw={"lw": 0.8})
            axis.set_title(tables.title(point).partition(", ")[2])
            axis.set_xlabel("requests/s")


def plot_open_loop(results: Results, path: Path) -> None:
    """p50 and p99 of every peer against the rate, in shares of our capacity."""
    points = sorted(results.points("open"), key=lambda point: point.level)
    with _figure(path, 2, 4.5) as axes:
        for axis, (name, metric) in zip(axes, (("p50", p50), ("p99", p99)), strict=True):
            for peer in results.peers(points[0]) if points else ():
                seen = [(point.level, results.spread(peer, point, metric)) for point in points]
                drawn = [(100 * level, value.median) for level, value in seen if value]
                style = {"color": _OURS, "lw": 2.5, "zorder": 3} if peer == OURS else {"lw": 1.2}
                axis.plot(*zip(*drawn, strict=True), marker="o", ms=3, label=peer, **style)
            axis.set(yscale="log", xlabel="% of our capacity asked for", ylabel=f"{name}, ms")
            axis.set_xticks([100 * point.level for point in points])
            axis.yaxis.set_major_formatter(_PLAIN)
        _legend(axes[-1])


def plot_ratios(results: Results, path: Path) -> None:
    """Ours over theirs at 32 connections, a row for each measure, and a mark for each peer."""
    shown = [name for name in results.peers(BUSY) if name not in {OURS, *BARE}]
    with _figure(path, 1, 7.5) as (axis,):
        for place, name in enumerate(shown):
            ratios = [results.ratio(OURS, name, BUSY, metric) for metric in _MEASURES.values()]
            ratios.append(results.weight_ratio(OURS, name, "peak_memory_mib"))
            drawn = [(seen.median, row) for row, seen in enumerate(ratios) if seen]
            heights = [row + 0.12 * (place - (len(shown) - 1) / 2) for _, row in drawn]
            axis.plot([ratio for ratio, _ in drawn], heights, "o", ms=5, label=name)
        axis.axvline(1, color=_OURS, lw=1)
        axis.set(xscale="log", xlabel=f"{OURS} / theirs, 32 connections", yticks=range(len(_MEASURES) + 1))
        axis.set_yticklabels([*_MEASURES, "peak memory"])
        axis.xaxis.set_major_formatter(_PLAIN)
        axis.xaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))  # those between 6 and 9 would touch
        axis.xaxis.set_minor_formatter(_PLAIN)
        axis.tick_params(axis="x", which="minor", labelsize=7)
        axis.invert_yaxis()
        _legend(axis)


def _legend(axis: Any) -> None:
    """Beside the panel, where it hides nothing."""
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))


@contextmanager
def _figure(path: Path, panels: int, width: float) -> Iterator[Any]:
    """Panels side by side, saved to `path` in the end."""
    with mpl.rc_context(_STYLE):
        drawn = Figure(figsize=(width * max(panels, 1), 2.8), layout="constrained")
        yield drawn.subplots(1, max(panels, 1), squeeze=False)[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.savefig(path, metadata={"Date": None})
