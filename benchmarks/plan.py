"""What is measured, in which order, and about how long that takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.peers import OURS, PEERS, Peer
from benchmarks.workloads import GENERATE, LARGE, MANY, PHONE, SAME, SMALL, WORKLOADS, Workload

SHARING_CONNECTIONS: Final = 8  # at which the work must be shared out among the workers
CAPACITY_CONNECTIONS: Final = 32  # at which our requests/s are what open-loop rates are shares of

_SECONDS_TO_START_AND_STOP: Final = 6.0
_SECONDS_FOR_FLOORS: Final = 10.0


@dataclass(frozen=True)
class Point:
    """One load: closed with `level` connections, or open at the share `level` of our capacity."""

    workload: str
    loop: Literal["closed", "open"]
    level: float


@dataclass(frozen=True)
class Plan:
    """All loads of a run."""

    peers: tuple[Peer, ...]
    workloads: tuple[Workload, ...]
    connections: tuple[int, ...]
    shares: tuple[float, ...]
    rounds: int
    seconds: int

    def order(self, number: int) -> Sequence[Peer]:
        """The peers of one round; every round begins with another, so that none is always first."""
        start = number % len(self.peers)
        return self.peers[start:] + self.peers[:start]

    def taken(self, peer: Peer) -> list[Workload]:
        """The workloads that a peer takes part in."""
        chosen = [workload for workload in self.workloads if peer.takes(workload)]
        if peer.bare:
            return [workload for workload in chosen if workload == SMALL]
        return [workload for workload in chosen if workload != SAME or peer.name == OURS]

    def closed(self, peer: Peer, workload: Workload) -> tuple[int, ...]:
        """The numbers of connections that a workload is driven with."""
        if peer.bare:
            return tuple(number for number in self.connections if number in (1, CAPACITY_CONNECTIONS))
        few = {SAME.name: (1,), PHONE.name: (1, 8), LARGE.name: (1,), MANY.name: (1,), GENERATE.name: (1, 8)}
        return few.get(workload.name, self.connections)

    def warm_up_seconds(self, workload: Workload) -> int:
        """How long a workload is driven before it is measured; one request at a time is warm at once."""
        return 0 if workload in (LARGE, MANY) else 1

    def opened(self, peer: Peer) -> tuple[float, ...]:
        """The shares of our capacity that a peer is driven at, with small pictures."""
        return () if peer.bare or SMALL not in self.workloads else self.shares

    def estimated_seconds(self) -> float:
        """About how long all of it takes."""
        return self.rounds * (_SECONDS_FOR_FLOORS + sum(self._seconds(peer) for peer in self.peers))

    def _seconds(self, peer: Peer) -> float:
        loads = sum(
            self.warm_up_seconds(each) + self.seconds * len(self.closed(peer, each))
            for each in self.taken(peer)
        )
        return _SECONDS_TO_START_AND_STOP + loads + (self.seconds + 1) * len(self.opened(peer))


DEFAULT: Final = Plan(
    peers=PEERS,
    workloads=WORKLOADS,
    connections=(1, 8, CAPACITY_CONNECTIONS, 128),
    shares=(0.25, 0.5, 0.75),
    rounds=3,
    seconds=2,
)
