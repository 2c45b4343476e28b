"""Look every pinned version up among the known vulnerabilities, and say honestly when that was not possible.

pip-audit ends well when it could look nothing up; here an unreachable or silent advisory service is told as
"not audited". It does not fail the check, so that an offline machine can still run it.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parent.parent / "locks" / "all.txt"
TIMEOUT_SECONDS = 120


def audit(lock: Path, timeout_seconds: float) -> list[dict[str, Any]]:
    """pip-audit's records, one for each pinned package; empty when the service did not answer in time."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json", "--timeout=10"]
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=timeout_seconds, check=False)
        records: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return []
    return records


def verdict(records: list[dict[str, Any]]) -> tuple[int, str]:
    """The exit status, 1 for a known vulnerability, and what to tell about pip-audit's records."""
    audited = [record for record in records if "skip_reason" not in record]
    found = [
        f"{record['name']} {record['version']}: {flaw['id']}, mended in {flaw['fix_versions'] or 'none'}"
        for record in audited
        for flaw in record["vulns"]
    ]
    if found:
        return 1, "\n".join(["Known vulnerabilities among the pinned versions:", *found])
    if not audited:
        return 0, "NOT AUDITED for known vulnerabilities: the advisory service did not answer."
    unlisted = len(records) - len(audited)
    return 0, f"No known vulnerability in {len(audited)} pinned packages ({unlisted} not listed)."


def main() -> int:
    """Audit the lock; the exit status."""
    status, message = verdict(audit(LOCK, TIMEOUT_SECONDS))
    print(message)
    return status


if __name__ == "__main__":
    sys.exit(main())
