"""Where results are written: the terminal, and between markers in README.md and docs/benchmarks.md."""

from pathlib import Path
from typing import Final

from benchmarks import tables
from benchmarks.peers import PEERS
from benchmarks.plots import plot_open_loop, plot_ratios, plot_throughput
from benchmarks.processes import ROOT
from benchmarks.results import Results

README: Final = ROOT / "README.md"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
IMAGES: Final = ROOT / "docs" / "images"
_DRAWINGS: Final = {
    "benchmarks-throughput.svg": (plot_throughput, "Requests a second of every server, by connections"),
    "benchmarks-open-loop.svg": (plot_open_loop, "p50 and p99 of every server in the open loop, by rate"),
    "benchmarks-ratios.svg": (plot_ratios, "Ours over theirs at 32 connections"),
}
_BUSY_LOAD: Final = 0.5  # a load average above it says that something else was computing


def report(results: Results) -> str:
    """Everything, for the terminal."""
    return f"{summary(results)}\n\n{details(results)}"


def write(results: Results) -> None:
    """Write the summary into README.md, the rest and the plots into docs/."""
    _replace(README, "benchmarks", summary(results))
    _replace(PAGE, "peers", peer_list())
    drawings = []
    for name, (plot, shown) in _DRAWINGS.items():
        plot(results, IMAGES / name)
        drawings.append(f"![{shown}]({IMAGES.name}/{name})")
    _replace(PAGE, "benchmarks", "\n\n".join([summary(results), *drawings, details(results)]))


def summary(results: Results) -> str:
    """What was measured where, every target, and the peers."""
    return "\n\n".join(
        [
            where(results),
            tables.targets(results),
            "The same model, preparation and answer, one 28x28 PNG a request, medians over the rounds:",
            tables.peers(results),
        ]
    )


def where(results: Results) -> str:
    """Machine, date, models and the length of it all, in a sentence or two."""
    about = results.about
    told = (
        f"{about['cores']} cores of an {about['processor']}, {about['date'][:10]}, "
        f"{' and '.join(about['models'])}; {about['workers']} workers each, {about['rounds']} interleaved "
        f"rounds of {about['seconds']} s a load, the load generator on the same cores. "
        f"{about['leave_early']} small pictures leave the network early."
    )
    if about["load_average_before"] > _BUSY_LOAD:
        told += (
            f" **The machine was busy with something else** (load average {about['load_average_before']})."
        )
    for name, reason in results.left_out.items():
        told += f" **{name} was left out**: {reason.splitlines()[0]}."
    return told


def details(results: Results) -> str:
    """Every other table."""
    capacity = results.about.get("capacity") or 0.0
    parts = [_part("The floor, and how far we are from it", tables.floor(results))]
    parts.append(_part("Start, memory, sharing, sameness", tables.servers(results)))
    parts += [_part(tables.title(point), tables.closed(results, point)) for point in results.points("closed")]
    parts += [
        _part(
            f"{tables.title(point)} ({point.level * capacity:,.0f} requests/s)", tables.opened(results, point)
        )
        for point in results.points("open")
    ]
    return "\n\n".join(parts)


def peer_list() -> str:
    """Who takes part, and how it is set up."""
    return "\n".join(
        ["| server | what it is here |", "|---|---|", *(f"| {each.name} | {each.about} |" for each in PEERS)]
    )


def _part(heading: str, table: str) -> str:
    return f"### {heading[0].upper()}{heading[1:]}\n{table}"


def _replace(path: Path, name: str, content: str) -> None:
    path.write_text(between_markers(path.read_text("utf-8"), name, content), "utf-8")


def between_markers(text: str, name: str, content: str) -> str:
    """`text` with `content` in place of what stands between the two comments that name it.

    Raises LookupError where they are missing.
    """
    start, end = f"<!-- {name}: written by `python -m benchmarks --write-docs` -->", f"<!-- /{name} -->"
    before, found, rest = text.partition(start)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise LookupError(f"expected the lines {start!r} and {end!r}, and one of them is missing")
    return f"{before}{start}\n{content}\n{end}{after}"
