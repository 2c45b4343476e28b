"""The files in which the workers of one server keep their counts, so that any of them can add all up.

prometheus_client makes them without room on the disk: on a full one the kernel kills a worker as it counts,
and the next one after it. Here the room is taken first, and a worker that gets none keeps its counts to
itself. What killed workers leave is added up in one file of each kind, or there would be more at every death
(docs/decisions/0313).
"""

import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

logger = logging.getLogger(__name__)

_KIB: Final = 1024
# Several times what all routes, stages, labels and a few hundred model versions take.
_ROOM: Final = {
    "counter": 256 * _KIB,
    "histogram": 512 * _KIB,
    "gauge_livesum": 64 * _KIB,
    "gauge_livemax": 64 * _KIB,
}
_ADDED_UP: Final = ("counter", "histogram")
_DEAD: Final = "dead"  # in the place of a process's number
_LOCK: Final = "metrics.lock"


def take_room(folder: Path) -> bool:
    """Make this process's files in `folder`, with all the room that they will need; False where there is
    none, and then no number goes to a file any more. Call it before the first metric is declared."""
    made = []
    try:
        with locked(folder):
            add_up_the_dead(folder, new=os.getpid())
            for kind, num_bytes in _ROOM.items():
                made.append(folder / f"{kind}_{os.getpid()}.db")
                _make(made[-1], num_bytes)
    except OSError as error:
        logger.error("There is no room for metrics in %s (%s): this worker keeps its own", folder, error)
        for path in made:
            path.unlink(missing_ok=True)
        values.ValueClass = values.MutexValue
        return False
    return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other workers from adding up at the same time."""
    with (folder / _LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def add_up_the_dead(folder: Path, *, new: int | None = None) -> None:
    """Add what dead workers counted to one file of each kind, and drop what they gauged. Call it locked.

    `new` is a process that has counted nothing yet: what bears its number is of an earlier one.
    """
    for path in folder.glob("*_*.db"):
        kind, _, process = path.stem.rpartition("_")
        if not process.isdigit() or (int(process) != new and lives(int(process))):
            continue
        try:
            if kind in _ADDED_UP:
                _add(path, folder / f"{kind}_{_DEAD}.db")
            path.unlink(missing_ok=True)
        except OSError as error:  # it counts all the same, as a file of its own
            logger.warning("%s stays as it is: %s", path.name, error)


def _add(path: Path, to: Path) -> None:
    """Add the counts in one file to those in another; that other is replaced whole, or stays as it is."""
    sums: dict[str, float] = {}
    for file in (to, path):
        if file.is_file():
            for key, value, _, _ in MmapedDict.read_all_values_from_file(file):  # type: ignore[no-untyped-call]  # it has no types
                sums[key] = sums.get(key, 0.0) + value
    with tempfile.TemporaryDirectory(dir=to.parent) as folder:
        draft = Path(folder) / to.name
        _make(draft, max(file.stat().st_size for file in (to, path) if file.is_file()) * 2)
        written = MmapedDict(str(draft))  # type: ignore[no-untyped-call]  # it has no types
        for key, value in sums.items():
            written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]  # it has no types
        written.close()  # type: ignore[no-untyped-call]  # it has no types
        used = int.from_bytes(draft.read_bytes()[:4], "little")
        os.truncate(draft, used)
        draft.replace(to)


def _make(path: Path, num_bytes: int) -> None:
    with path.open("ab") as file:
        reserve(file.fileno(), num_bytes)


def reserve(file: int, num_bytes: int) -> None:
    """Give an open file a size and the room for it; OSError where the disk is full. Once it is mapped into
    memory it would be too late."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, num_bytes)
    else:  # macOS, where nothing of the kind can be had
        os.ftruncate(file, num_bytes)


def lives(process: int) -> bool:
    """Whether a process with that number runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
