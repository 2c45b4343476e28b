"""`python -m benchmarks`: interleaved rounds of every peer under every load."""

import argparse
import shutil
import sys
from pathlib import Path

from benchmarks import pages
from benchmarks.peers import PEERS
from benchmarks.plan import DEFAULT, Plan
from benchmarks.results import Results
from benchmarks.running import run
from benchmarks.workloads import WORKLOADS


def main() -> int:
    """Measure or read, print, save, and write the documents where asked to."""
    options = _options()
    if options.read:
        results = Results.read(options.read)
    else:
        if shutil.which("wrk") is None:
            print("wrk is needed to load the servers: install the package wrk", file=sys.stderr)
            return 2
        results = run(
            _plan(options),
            options.out,
            workers=options.workers,
            capacity=options.capacity,
            home=options.home,
        )
    print(pages.report(results))
    if options.write_docs:
        pages.write(results)
    return 1 if results.left_out else 0


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        peers=tuple(peer for peer in PEERS if peer.name in options.peers),
        workloads=tuple(each for each in WORKLOADS if each.name in options.workloads),
        connections=tuple(options.connections),
        shares=tuple(options.open_loop),
        rounds=options.rounds,
        seconds=options.seconds,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the service beside its peers."
    )
    peers, workloads = [peer.name for peer in PEERS], [each.name for each in WORKLOADS]
    parser.add_argument("--peers", nargs="+", choices=peers, default=peers)
    parser.add_argument("--workloads", nargs="+", choices=workloads, default=workloads)
    parser.add_argument(
        "--connections",
        nargs="+",
        type=int,
        default=DEFAULT.connections,
        help="of the closed loop with small pictures",
    )
    parser.add_argument(
        "--open-loop",
        nargs="*",
        type=float,
        default=DEFAULT.shares,
        metavar="SHARE",
        help="rates of the open loop, as shares of our capacity; none: no open loop",
    )
    parser.add_argument(
        "--capacity",
        type=float,
        help="requests/s that the shares are of; default: ours at 32 connections in the first round",
    )
    parser.add_argument(
        "--seconds", type=int, default=DEFAULT.seconds, help="length of each load, whole seconds"
    )
    parser.add_argument(
        "--rounds", type=int, default=DEFAULT.rounds, help="interleaved; the tables show medians and spread"
    )
    parser.add_argument("--workers", type=int, default=2, help="of every server")
    parser.add_argument(
        "--home",
        type=Path,
        help="a BentoML home whose stable models are measured, with no server on it; default: releases/",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/latest.json"))
    parser.add_argument("--read", type=Path, help="measure nothing, read what an earlier run wrote to --out")
    parser.add_argument(
        "--write-docs", action="store_true", help="write tables and plots into README.md and docs/"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
