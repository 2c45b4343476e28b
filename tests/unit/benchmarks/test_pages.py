import pytest

from benchmarks import pages, tables
from benchmarks.peers import OURS, PEERS
from benchmarks.plan import Point
from benchmarks.plots import plot_open_loop, plot_ratios, plot_throughput
from benchmarks.targets import BUSY, ONE
from tests.unit.benchmarks.made_up import measured, results

HALF = Point("small-png", "open", 0.5)


@pytest.fixture
def run():
    return results(
        *(measured(OURS, point, rate=800, p50=1.0) for point in (ONE, BUSY, HALF)),
        *(measured("starlette", point, rate=1000, p50=0.8) for point in (ONE, BUSY, HALF)),
        floors=[{"small-png": {"floor": 400.0, "decode": 20.0}}],
    )


def test_the_fastest_peer_comes_first(run):
    rows = tables.peers(run).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| starlette", f"| **{OURS}**"]
    assert rows[0].endswith("| 0.80 |")


def test_a_missed_target_is_said_aloud(run):
    row = next(line for line in tables.targets(run).splitlines() if "p50 over Starlette's" in line)
    assert row == "| 1 connection: p50 over Starlette's | 1.25x | <= 1.2x: **missed** | <= 1x: **missed** |"


def test_a_percentile_of_too_few_requests_is_not_told():
    run = results(measured(OURS, BUSY, requests=150))
    row = tables.closed(run, BUSY).splitlines()[2].split(" | ")
    assert row[3:6] == ["1.00", "2.00", "-"]


@pytest.mark.parametrize(
    ("value", "told"),
    [(1234.5, "1,234"), (99.96, "100.0"), (12.34, "12.3"), (0.256, "0.26"), (-3.5, "-3.50")],
)
def test_numbers_have_about_three_digits(value, told):
    assert tables.number(value) == told


def test_what_stands_between_the_markers_is_replaced_and_nothing_else():
    start, end = "<!-- peers: written by `python -m benchmarks --write-docs` -->", "<!-- /peers -->"
    text = f"before\n{start}\nold\n{end}\nafter\n"
    assert pages.between_markers(text, "peers", "new") == f"before\n{start}\nnew\n{end}\nafter\n"
    with pytest.raises(LookupError, match="benchmarks"):
        pages.between_markers(text, "benchmarks", "new")


@pytest.mark.parametrize(
    ("page", "names"), [(pages.README, ["benchmarks"]), (pages.PAGE, ["peers", "benchmarks"])]
)
def test_the_documents_have_their_markers(page, names):
    text = page.read_text("utf-8")
    for name in names:
        assert "new" in pages.between_markers(text, name, "new")


def test_the_page_names_every_peer_as_it_is_set_up():
    assert pages.peer_list() in pages.PAGE.read_text("utf-8")
    assert all(f"| {peer.name} |" in pages.peer_list() for peer in PEERS)


def test_a_report_tells_of_a_busy_machine_and_of_who_was_left_out(run):
    assert "busy" not in pages.report(run)
    run.about["load_average_before"] = 1.5
    run.left_out["mosec"] = "it did not start\nand this is its log"
    assert "The machine was busy" in pages.report(run)
    assert "**mosec was left out**: it did not start." in pages.report(run)


def test_plots_are_small_and_the_same_for_the_same_run(run, tmp_path):
    for plot in (plot_throughput, plot_open_loop, plot_ratios):
        first, second = tmp_path / "first.svg", tmp_path / "second.svg"
        plot(run, first)
        plot(run, second)
        assert first.read_bytes() == second.read_bytes()
        assert OURS in first.read_text("utf-8")
        assert first.stat().st_size < 100_000
