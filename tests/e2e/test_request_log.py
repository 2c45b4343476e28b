"""The access log of a real server: whole lines from every worker, one a request."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.e2e.server import serving

NUM_REQUESTS = 200


def test_two_workers_write_one_whole_line_for_each_request(home: Path):
    asked = {f"request-{number}-{'x' * 100}" for number in range(NUM_REQUESTS)}
    with serving(home, access_log="json") as server:

        def ask(request_id: str) -> int:
            address = f"{server.url}/generate?count=2"
            return httpx.post(address, headers={"X-Request-ID": request_id}, timeout=60).status_code

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(ask, asked)) == {200}
    lines = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
    said = [json.loads(line) for line in lines]
    generated = [one for one in said if one["route"] == "/generate"]
    assert {one["request_id"] for one in generated} == asked
    assert len(generated) == NUM_REQUESTS
    assert {one["status"] for one in generated} == {200}
    assert not any("count=" in line for line in lines)
