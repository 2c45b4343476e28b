"""The process that `bentoml serve` starts its workers from, made to replace a dead one at once.

BentoML's arbiter (circus) looks for dead workers every 10 s, not at all where BENTOML_CONTAINERIZED is set,
and forgets a SIGTERM that comes while it is busy starting one. None of that can be configured, so its class
is extended (docs/decisions/0311). Imported in that process alone, by the deployment hook of service.py.
"""

import logging
import os
import signal
import time
from collections import deque
from typing import Any, Final

from bentoml._internal.utils import circus as bentoml_circus
from circus.exc import ConflictError

logger = logging.getLogger("bentoml.serve")

# A worker that dies as it starts would be started again and again: past so many, the arbiter's own look does.
MAX_REPLACED_AT_ONCE: Final = 8
AT_ONCE_SECONDS: Final = 30.0
_BUSY_SECONDS: Final = 0.05  # until it is tried again, where the arbiter is busy with another command


class PromptArbiter(bentoml_circus.Arbiter):
    """Replaces a worker when the kernel says that it died, and stops whenever it is told to."""

    loop: Any

    def initialize(self) -> None:
        """See circus.arbiter.Arbiter: sockets are bound here, and nothing runs yet."""
        super().initialize()
        self._looks: deque[float] = deque(maxlen=MAX_REPLACED_AT_ONCE)
        for watcher in self.watchers:
            watcher.respawn = True
        signal.signal(signal.SIGCHLD, lambda *_: self.loop.add_callback_from_signal(self._replace_dead))

    def _replace_dead(self) -> None:
        if self._stopping or not any(_has_died(watcher) for watcher in self.watchers):
            return
        now = time.monotonic()
        if len(self._looks) == MAX_REPLACED_AT_ONCE and now - self._looks[0] < AT_ONCE_SECONDS:
            logger.error("Workers die as they start: the log above tells why; another try within 10 s")
            return
        try:
            self.manage_watchers()
        except ConflictError:
            self.loop.call_later(_BUSY_SECONDS, self._replace_dead)
            return
        self._looks.append(now)
        logger.warning("A worker died and is being replaced")

    def stop(self) -> Any:
        """Stop every worker, then this process; where the arbiter is busy, as soon as it no longer is."""
        self._stopping = True
        try:
            stopped = super().stop()
        except ConflictError:
            self.loop.call_later(_BUSY_SECONDS, self.stop)
            return None
        # Only workers listen from here on: when the last of them stops, clients are refused at once.
        self.sockets.close_all()
        return stopped


def _has_died(watcher: Any) -> bool:
    """Whether one of the watcher's processes has died; it stays for the arbiter to reap."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    try:
        return any(os.waitid(os.P_PID, pid, options) for pid in watcher.processes)
    except ChildProcessError:
        return True


def replace_dead_workers_at_once() -> None:
    """Let `bentoml serve`, which is about to make its arbiter in this process, make one of ours."""
    bentoml_circus.Arbiter = PromptArbiter  # type: ignore[misc]  # its class is a name there
