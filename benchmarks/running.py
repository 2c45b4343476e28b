"""One run: every peer in turn, round after round, each asked for its answers before it is driven."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import psutil

from benchmarks import open_loop, wrk
from benchmarks.apps import answering
from benchmarks.floor import Steps, floors, mean_of
from benchmarks.load import Load
from benchmarks.peers import OURS, Peer
from benchmarks.plan import CAPACITY_CONNECTIONS, Plan, Point
from benchmarks.ports import free_port
from benchmarks.processes import ROOT, CannotCompare, Server, running
from benchmarks.results import Measured, Results, Weighed, machine
from benchmarks.sameness import ask, check_same
from benchmarks.workloads import GENERATED, SMALL, Workload
from fashion.aliases import ALIAS_FILE, read_aliases

# What a server that fails in the middle of its measurements makes of them.
_BROKEN = (CannotCompare, subprocess.CalledProcessError, httpx.TransportError, psutil.Error, OSError)
_TICK_SECONDS = 0.01  # the kernel's resolution of a process's time


def run(plan: Plan, out: Path, *, workers: int, capacity: float | None, home: Path | None) -> Results:
    """Measure everything that `plan` names, into the file `out`.

    A peer that does not start, answers otherwise or breaks under a load is left out from then on.
    """
    with _store(home) as settings:
        os.environ.update(settings)
        models = answering.load_models()
        return _Run(plan, workers, capacity, settings, models, out).go()


class _Run:
    def __init__(
        self,
        plan: Plan,
        workers: int,
        capacity: float | None,
        settings: dict[str, str],
        models: answering.Models,
        out: Path,
    ) -> None:
        self._out = out
        self._plan = plan
        self._workers = workers
        self._capacity = capacity
        self._settings = settings
        self._models = models
        self._expected = {each.name: _expected(models, each) for each in plan.workloads}
        self._results = Results(about=self._about())

    def go(self) -> Results:
        """Measure, and save after every round; says on standard error what is going on."""
        plan, results = self._plan, self._results
        minutes = plan.estimated_seconds() / 60
        _say(f"{plan.rounds} rounds of {len(plan.peers)} servers: about {minutes:.0f} minutes")
        for number in range(plan.rounds):
            around: list[dict[str, Steps]] = []  # our own turn, so that both have the same minute's machine
            for peer in plan.order(number):
                if peer.name in results.left_out:
                    continue
                if peer.name == OURS:
                    around.append(floors(self._models))
                self._take_turn(peer, number)
                if peer.name == OURS:
                    around.append(floors(self._models))
            results.floors.append(mean_of(around or [floors(self._models)]))
            results.save(self._out)
        return results

    def _take_turn(self, peer: Peer, number: int) -> None:
        """Measure one server; whoever breaks is left out from then on."""
        began = perf_counter()
        try:
            self._measure(peer, number)
        except _BROKEN as error:
            told = str(error) if isinstance(error, CannotCompare) else type(error).__name__
            self._results.left_out[peer.name] = f"from round {number + 1} on, since {told}"
            _say(f"{peer.name} is left out from here on: {error!r}")
        _say(f"round {number + 1} of {self._plan.rounds}: {peer.name}, {perf_counter() - began:.0f} s")

    def _about(self) -> dict[str, Any]:
        plan = self._plan
        names = (self._models.classifier.artifact, self._models.autoencoder.artifact)
        return {
            **machine(),
            "models": [f"{each.manifest.name} {each.folder.name}" for each in names],
            "leave_early": self._leaving_early(),
            "workers": self._workers,
            "capacity": self._capacity,
            "rounds": plan.rounds,
            "seconds": plan.seconds,
        }

    def _leaving_early(self) -> str:
        """How many of the small pictures half of the classifier's network is enough for."""
        classifier = self._models.classifier
        pictures = [answering.prepared(classifier, body) for body in SMALL.pictures()]
        early = [made.left_early for made in classifier.classify(pictures)].count(True)
        return f"{early} of {len(pictures)}"

    def _measure(self, peer: Peer, number: int) -> None:
        first = peer.requests(self._plan.taken(peer)[0])[0]
        with running(peer, free_port(), self._workers, self._settings, first) as server:
            for workload in self._plan.taken(peer):
                self._check(server, workload)
                self._drive_closed(server, workload, number)
            self._drive_open(server, number)
            self._results.weighed.append(
                Weighed(
                    peer.name,
                    number,
                    server.seconds_to_ready,
                    server.peak_memory_mib(),
                    server.worker_memory_mib(),
                )
            )

    def _check(self, server: Server, workload: Workload) -> None:
        peer, differences = server.peer, self._results.differences
        came = [ask(server, request) for request in peer.requests(workload)]
        if not peer.bare:
            found = check_same(peer, workload, self._expected[workload.name], came)
            differences[peer.name] = max(found, differences.get(peer.name, 0.0))

    def _drive_closed(self, server: Server, workload: Workload, number: int) -> None:
        url, bodies, media_type = _addressed(server, workload)
        if warm_up := self._plan.warm_up_seconds(workload):
            wrk.drive(url, bodies, media_type, connections=8, seconds=warm_up)
        for connections in self._plan.closed(server.peer, workload):
            with self._measuring(server, Point(workload.name, "closed", connections), number) as loads:
                loads.append(
                    wrk.drive(url, bodies, media_type, connections=connections, seconds=self._plan.seconds)
                )
        if self._capacity is None and server.peer.name == OURS and workload == SMALL:
            self._capacity = self._results.about["capacity"] = self._own_capacity()

    def _own_capacity(self) -> float:
        connections = min(self._plan.connections, key=lambda each: abs(each - CAPACITY_CONNECTIONS))
        point = Point(SMALL.name, "closed", connections)
        rates = self._results.rounds(OURS, point, lambda made: made.load.requests_per_second)
        if not rates:
            raise CannotCompare(f"it answered nothing at {connections} connections")
        return next(iter(rates.values()))

    def _drive_open(self, server: Server, number: int) -> None:
        if self._capacity is None:
            return
        url, bodies, media_type = _addressed(server, SMALL)
        for share in self._plan.opened(server.peer):
            with self._measuring(server, Point(SMALL.name, "open", share), number) as loads:
                loads.append(
                    open_loop.drive_apart(
                        url,
                        bodies,
                        media_type,
                        rate=share * self._capacity,
                        seconds=self._plan.seconds,
                    )
                )

    @contextmanager
    def _measuring(self, server: Server, point: Point, number: int) -> Iterator[list[Load]]:
        """Note the load that the block appends, with the processor time that the server spent on it."""
        loads: list[Load] = []
        server.rest()
        workers = [worker.pid for worker in server.workers()]
        before = server.cpu_seconds()
        yield loads
        spent = {pid: used - before.get(pid, 0.0) for pid, used in server.cpu_seconds().items()}
        cpu_ms = 1e3 * sum(spent.values()) / max(loads[0].requests, 1)
        shares = [max(spent.get(pid, 0.0), _TICK_SECONDS) for pid in workers]
        sharing = max(shares) / min(shares) if len(shares) == self._workers > 1 else None
        self._results.measured.append(Measured(server.peer.name, number, point, loads[0], cpu_ms, sharing))


def _addressed(server: Server, workload: Workload) -> tuple[str, list[bytes], str]:
    """Where the requests of a workload go, their bodies and what these are."""
    asked = server.peer.requests(workload)
    return server.url(asked[0]), [request.body for request in asked], asked[0].content_type


def _expected(models: answering.Models, workload: Workload) -> list[Any]:
    """The answers that every peer must give, through JSON as theirs: one for each request."""
    if workload.kind == "generate":
        made = [answering.generate(models.autoencoder, GENERATED["count"], GENERATED["seed"])]
    elif workload.kind == "many":
        made = [answering.classify(models.classifier, workload.pictures())]
    else:
        made = [answering.classify(models.classifier, [picture]) for picture in workload.pictures()]
    expected: list[Any] = json.loads(json.dumps(made))
    return expected


@contextmanager
def _store(home: Path | None) -> Iterator[dict[str, str]]:
    """Where the models lie, as environment variables: in `home`, or in a home of its own with releases/.

    Of its own, because a server empties the metrics of every other on the same home.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-home-") as own:
        settings = {"BENTOML_HOME": str(home or own), "BENTOML_DO_NOT_TRACK": "True"}
        if home is None:
            command = [sys.executable, "-m", "service.releases", "--promote"]  # the newest of each
            subprocess.run(command, check=True, cwd=ROOT, env=os.environ | settings, stdout=sys.stderr)
        yield settings | {
            answering.CLASSIFIER_VARIABLE: _stable(Path(settings["BENTOML_HOME"]), "fashion-classifier"),
            answering.AUTOENCODER_VARIABLE: _stable(Path(settings["BENTOML_HOME"]), "fashion-vae"),
        }


def _stable(home: Path, name: str) -> str:
    version = read_aliases(home / ALIAS_FILE).version(name, "stable")
    if version is None:
        raise RuntimeError(
            f"no version of {name} is stable in {home}: run `python -m service.releases` on it"
        )
    return str(home / "models" / name / version)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
