"""A worker computes in the thread that asks, and nowhere else."""

import json
import subprocess
import sys

PROGRAM = """
import json, service.endpoints, threadpoolctl
print(json.dumps([[pool["internal_api"], pool["num_threads"]] for pool in threadpoolctl.threadpool_info()]))
"""


def test_numpy_starts_no_threads_of_its_own() -> None:
    printed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    pools = json.loads(printed.stdout.splitlines()[-1])
    assert ["openblas", 1] in pools
    assert all(threads == 1 for _, threads in pools)
