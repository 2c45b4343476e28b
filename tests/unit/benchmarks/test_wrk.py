import shutil

import pytest

from benchmarks.wrk import drive, read_report
from tests.unit.benchmarks.tiny_server import serving

REPORT = """Running 2s test @ http://127.0.0.1:3220/classify
  Latency     1.20ms   0.31ms   9.12ms   91.00%
Requests/sec:    830.00

{"requests": 1660, "seconds": 2.000000, "errors": 3, "p50": 1.150, "p99": 2.300, "p999": 8.1, "worst": 9.120}
"""


def test_the_report_is_read_from_its_last_line():
    load = read_report(REPORT)
    assert (load.requests, load.requests_per_second, load.errors) == (1660, 830, 3)
    assert (load.p50, load.p99, load.p999, load.worst) == (1.15, 2.3, 8.1, 9.12)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_wrk_sends_the_bodies_in_turn_and_counts_refusals():
    came: list[bytes] = []
    with serving(lambda number: 200 if number % 2 else 503, came) as url:
        load = drive(url, [b"one", b"another", b"third"], "text/plain", connections=2, seconds=1)
    assert {came.count(body) // 3 for body in (b"one", b"another", b"third")} <= {
        len(came) // 9 + near for near in (-1, 0, 1)
    }
    assert load.requests > 10
    assert load.errors == pytest.approx(load.requests / 2, abs=2)
    assert 0 < load.p50 <= load.p99 <= load.p999 <= load.worst
