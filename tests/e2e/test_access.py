"""API keys and the rate limit with real workers: counted together, and refused at the start if unusable."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from benchmarks.ports import free_port
from tests.e2e.server import ROOT, environment, serving

KEY = "a-key-of-the-shop-itself"


def test_two_workers_share_one_rate_limit(home: Path):
    with (
        serving(home, api_keys=f"shop:{KEY}", rate_limit="20/day") as server,
        httpx.Client(base_url=server.url, limits=httpx.Limits(max_keepalive_connections=0)) as client,
    ):
        assert len(server.workers()) == 2
        statuses = [client.get("/models", headers={"X-API-Key": KEY}).status_code for _ in range(60)]
        assert statuses.count(200) == 20
        assert statuses.count(429) == 40
        assert client.get("/models").status_code == 401
        assert client.get("/readyz").status_code == 200
        assert KEY not in server.log.read_text()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"api_keys": "shop:short-secr"}, "must be at least 16 printable"),
        ({"api_keys": "x" * 40}, "must be written name:key"),
        ({"api_keys_file": "/nowhere/keys"}, "/nowhere/keys"),
        ({"rate_limit": "many"}, "FASHION_RATE_LIMIT must be"),
        ({"cors_origins": "shop.example"}, "is no origin"),
    ],
)
def test_a_server_that_could_not_guard_itself_does_not_start(
    home: Path, settings: dict[str, str], complaint: str
):
    command = [
        sys.executable,
        "-m",
        "bentoml",
        "serve",
        ".",
        "--port",
        str(free_port()),
        "--host",
        "127.0.0.1",
    ]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment(home, **settings), capture_output=True, text=True, timeout=120
    )
    output = ran.stdout + ran.stderr
    assert ran.returncode != 0, output
    assert complaint in output
    assert "short-secr" not in output
    assert "x" * 40 not in output
