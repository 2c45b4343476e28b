"""`python -m benchmarks`: interleaved rounds of every peer under every load."""

import argparse
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.floor import floor_microseconds
from benchmarks.peers import PEERS, Peer
from benchmarks.processes import Server, running
from benchmarks.results import Measurement, medians, save, show
from benchmarks.workloads import WORKLOADS, Workload, stored_artifact
from benchmarks.wrk import drive
from fashion.artifact import open_artifact
from fashion.classifier import Classifier

_WARM_UP_SECONDS = 1.0


def main() -> int:
    """Measure, print, save."""
    options = _options()
    if shutil.which("wrk") is None:
        print("wrk is needed to load the servers: install the package wrk", file=sys.stderr)
        return 2
    artifact = options.artifact or stored_artifact()
    classifier = Classifier(open_artifact(artifact))
    workloads = [WORKLOADS[name] for name in options.workloads]
    floor = {workload.name: floor_microseconds(classifier, workload.picture()) for workload in workloads}
    measurements: list[Measurement] = []
    for number in range(options.rounds):
        for peer in [peer for peer in PEERS if peer.name in options.peers]:
            print(f"round {number + 1} of {options.rounds}: {peer.name}", file=sys.stderr)
            measurements += _measure(peer, workloads, artifact, options)
    rows = medians(measurements)
    show(rows, floor)
    save(options.out, rows, floor, classifier.artifact.manifest.name)
    return 0


def _measure(
    peer: Peer, workloads: list[Workload], artifact: Path, options: argparse.Namespace
) -> list[Measurement]:
    port = _free_port()
    made: list[Measurement] = []
    body, content_type = workloads[0].request(peer)
    first = httpx.Request(
        "POST", f"http://127.0.0.1:{port}/classify", content=body, headers={"content-type": content_type}
    )
    with running(peer, port, options.workers, artifact, first) as server:
        for workload in workloads:
            body, content_type = workload.request(peer)
            drive(server.url, body, content_type, connections=8, seconds=_WARM_UP_SECONDS)
            made += [_load(peer, server, workload, count, options.seconds) for count in options.connections]
    return made


def _load(peer: Peer, server: Server, workload: Workload, connections: int, seconds: float) -> Measurement:
    body, content_type = workload.request(peer)
    cpu, began = server.cpu_seconds(), time.perf_counter()
    load = drive(server.url, body, content_type, connections=connections, seconds=seconds)
    cores = (server.cpu_seconds() - cpu) / (time.perf_counter() - began)
    return Measurement(peer.name, workload.name, load, cores, server.memory_mib(), server.seconds_to_ready)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--peers", nargs="+", choices=names, default=names)
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), default=["small-png"])
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 8, 32, 128])
    parser.add_argument("--seconds", type=float, default=5, help="length of each load")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved; the table shows medians")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--artifact", type=Path, help="folder of a classifier; default: stable in the store")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/latest.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
