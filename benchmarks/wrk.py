"""Closed-loop load by wrk: a fixed number of connections, each sending as soon as it was answered."""

import json
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

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


@dataclass(frozen=True)
class Load:
    """What wrk measured; times in milliseconds."""

    connections: int
    requests_per_second: float
    p50: float
    p99: float
    p999: float
    worst: float
    errors: int

    def as_json(self) -> dict[str, float]:
        """Plain data."""
        return asdict(self)


def drive(url: str, body: bytes, content_type: str, *, connections: int, seconds: float) -> Load:
    """Load `url` for `seconds` and report."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(body)
        script = Path(folder) / "load.lua"
        script.write_text(_SCRIPT.format(body=Path(folder) / "body", content_type=content_type))
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds:g}s",
            "--timeout",
            "10s",
            "-s",
            str(script),
            url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    return Load(
        connections=connections,
        requests_per_second=seen["requests"] / seen["seconds"],
        errors=int(seen["errors"]),
        **{name: seen[name] for name in ("p50", "p99", "p999", "worst")},
    )
