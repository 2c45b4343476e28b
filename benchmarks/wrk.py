"""Closed-loop load by wrk: a fixed number of connections, each sending as soon as it was answered."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.load import Load

_SCRIPT: Final = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "{content_type}"
local requests, turn = {{}}, 0
init = function()
  for number = 1, {count} do
    local file = io.open("{folder}/" .. number, "rb")
    requests[number] = wrk.format(nil, nil, nil, file:read("*a"))
    file:close()
  end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
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


def drive(url: str, bodies: Sequence[bytes], content_type: str, *, connections: int, seconds: int) -> Load:
    """Load `url` with `bodies` in turn for `seconds` and report; wrk takes whole seconds only."""
    with tempfile.TemporaryDirectory() as folder:
        for number, body in enumerate(bodies, start=1):
            (Path(folder) / str(number)).write_bytes(body)
        script = Path(folder) / "load.lua"
        script.write_text(_SCRIPT.format(folder=folder, count=len(bodies), content_type=content_type))
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
