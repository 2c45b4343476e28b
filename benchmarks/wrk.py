"""Closed-loop load by wrk: a fixed number of connections, each sending as soon as it was answered."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.load import Load

_SCRIPT: Final = """
local file = io.open("{body}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "{content_type}"
file:close()
done = function(summary, latency, requests)
  local failed = summary.errors
  local form = '\\n{{"requests": %d, "seconds": %.6f, "errors": %d, '
    .. '"p50": %.3f, "p99": %.3f, "p999": %.3f, "worst": %.3f}}\\n'
  io.write(string.format(
    form, summary.requests, summary.duration / 1e6,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency:percentile(99.9) / 1e3, latency.max / 1e3))
end
"""


def drive(url: str, body: bytes, content_type: str, *, connections: int, seconds: int) -> Load:
    """Load `url` for `seconds` and report; wrk takes whole seconds only."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(body)
        script = Path(folder) / "load.lua"
        script.write_text(_SCRIPT.format(body=Path(folder) / "body", content_type=content_type))
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
        done = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True)
    return read_report(done.stdout)


def read_report(output: str) -> Load:
    """What the script above has written below wrk's own report."""
    seen = json.loads(output.strip().splitlines()[-1])
    return Load(
        requests=int(seen["requests"]),
        requests_per_second=seen["requests"] / seen["seconds"],
        errors=int(seen["errors"]),
        **{name: float(seen[name]) for name in ("p50", "p99", "p999", "worst")},
    )
