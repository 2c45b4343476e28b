from io import StringIO

import pytest
from rich.console import Console

from tests.unit.training.tiny_data import tiny_split
from training.machine import Machine
from training.trade_off import trade_off, trade_off_figure, trade_off_table

SMALL = ["width=4", "full_width=4", "latent_size=4", "epochs=2", "batch_size=32"]


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trade-off")
    machine, shown = Machine.choose("cpu", "fp32", threads=1), StringIO()
    arguments = ([8.0, 0.01], SMALL, tiny_split(), folder, machine, Console(file=shown))
    return trade_off(*arguments), trade_off(*arguments), shown.getvalue()


def test_a_cheaper_nat_is_spent(studied):
    points, _, _ = studied
    assert [point.beta for point in points] == [0.01, 8.0]
    assert points[0].kl_nats > points[1].kl_nats


def test_what_is_finished_is_not_trained_again(studied):
    points, again, shown = studied
    assert again == points
    assert shown.count("run folder:") == 2


def test_table_and_figure_show_every_point(studied):
    points, _, _ = studied
    assert [row[0] for row in trade_off_table(points).rows] == [0.01, 8.0]
    axes = trade_off_figure(points).axes[0]
    assert [text.get_text() for text in axes.texts] == ["beta 0.01", "beta 8"]
