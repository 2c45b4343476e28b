"""Connections shared out evenly among the workers, which all listen on one socket.

Left alone, whichever worker wakes first accepts all that wait: of eight connections that are opened at
once one worker may get all, and the other core idles while they live. Here each worker writes down how
many connections it has, in a file that all of them map, and leaves a new one to a worker that has fewer
(docs/decisions/0106).
"""

import asyncio
import errno
import fcntl
import mmap
import os
import select
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from service.metric_files import lives, reserve

_SLOT: Final = struct.Struct("<qq")  # a process, and the connections that it has
_SLOTS: Final = 256
_NEVER_TAKEN: Final = 0  # in the place of a process
_LEFT: Final = -1
_FILE: Final = "connections.table"
_LOOK_AGAIN_SECONDS: Final = 0.001
_PATIENCE_SECONDS: Final = 0.005  # a worker that is busy computing for longer gets nothing more to do
_MAX_AT_ONCE: Final = 64  # connections in one turn of the loop
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RECOVERY_SECONDS: Final = 0.1

ProtocolFactory = Callable[[], asyncio.Protocol]


class ConnectionTable:
    """How many connections every worker has: one slot for each process, in one file."""

    def __init__(self, folder: Path) -> None:
        """Take a slot in the folder's table; the slot of a process that has ended is free."""
        with (folder / _FILE).open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            reserve(file.fileno(), _SLOT.size * _SLOTS)
            self._table = mmap.mmap(file.fileno(), _SLOT.size * _SLOTS)
            self._own = self._free_slot()
            self._count = 0
            self._takes_more = True
            self._write()
            fcntl.flock(file, fcntl.LOCK_UN)  # the mapping keeps the file open, and would keep the lock

    def _free_slot(self) -> int:
        for slot in range(_SLOTS):
            pid, _ = _SLOT.unpack_from(self._table, slot * _SLOT.size)
            if pid <= 0 or not lives(pid):
                return slot
        raise OSError(f"All {_SLOTS} slots of the table of connections are taken")

    def add(self, change: int) -> None:
        """Count connections that this worker has more, or fewer; of no interest once it has left."""
        self._count += change
        if self._takes_more:
            self._write()

    def _write(self) -> None:
        owner = os.getpid() if self._takes_more else _LEFT
        _SLOT.pack_into(self._table, self._own * _SLOT.size, owner, self._count)

    def leave(self) -> None:
        """This worker takes no more connections, however few it comes to have: nobody is to wait for it."""
        self._takes_more = False
        self._write()

    def another_has_fewer(self) -> bool:
        """Whether a living worker has fewer connections than this one."""
        for pid, count in _SLOT.iter_unpack(self._table):
            if pid == _NEVER_TAKEN:
                return False  # and no slot behind it was taken either
            if pid != _LEFT and count < self._count and lives(pid):
                return True
        return False


class SharedListener:
    """Accepts connections while no other worker has fewer, or none that takes them: as much of an
    asyncio.Server as uvicorn needs."""

    def __init__(
        self, sock: socket.socket, protocol_factory: ProtocolFactory, table: ConnectionTable, **options: Any
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._protocol_factory = protocol_factory
        self._table = table
        self._options = options
        self._patient_since: float | None = None
        self._connecting: set[asyncio.Task[Any]] = set()
        self._look_again: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        self._waiting = select.poll()
        self._waiting.register(sock, select.POLLIN)
        self._watch()

    def _watch(self) -> None:
        self._look_again = None
        if not self._waiting.poll(0):
            self._patient_since = None  # whoever waited has been taken
        self._loop.add_reader(self._socket.fileno(), self._on_waiting)

    def _on_waiting(self) -> None:
        for _ in range(_MAX_AT_ONCE):
            if self._leaves_it_to_another():
                self._pause(_LOOK_AGAIN_SECONDS)
                return
            try:
                accepted, _ = self._socket.accept()
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:  # it would be told again and again
                    self._pause(_RECOVERY_SECONDS)
                break  # otherwise none waits any more
            self._take(accepted)
        self._patient_since = None

    def _leaves_it_to_another(self) -> bool:
        """Whether another worker has fewer connections. One that has taken none for a while is busy: then all
        that wait are taken, or they would wait for this worker's next turn, one by one."""
        now = self._loop.time()
        if self._patient_since is not None and now - self._patient_since >= _PATIENCE_SECONDS:
            return False
        if not self._table.another_has_fewer():
            return False
        self._patient_since = self._patient_since or now
        return True

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._look_again = self._loop.call_later(seconds, self._watch)

    def _take(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        self._table.add(1)
        connecting = self._loop.create_task(self._connect(accepted))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    async def _connect(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, accepted, **self._options)
        except OSError:  # a TLS handshake that failed
            self._table.add(-1)

    def _make_protocol(self) -> asyncio.Protocol:
        protocol = self._protocol_factory()
        connection_lost = protocol.connection_lost

        def on_connection_lost(error: Exception | None) -> None:
            self._table.add(-1)
            connection_lost(error)

        protocol.connection_lost = on_connection_lost  # type: ignore[method-assign, assignment]  # of this object alone
        return protocol

    def close(self) -> None:
        """Stop accepting; connections stay as they are."""
        if self._look_again:
            self._look_again.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._table.leave()

    async def wait_closed(self) -> None:
        """Nothing is left to wait for."""


def share_connections(folder: Path) -> None:
    """Let the server that is about to be made in the running loop, on a socket that it was given, share that
    socket's connections with whoever has `folder` too."""
    loop = asyncio.get_running_loop()
    create_server = loop.create_server

    async def create(protocol_factory: ProtocolFactory, *arguments: Any, **options: Any) -> Any:
        sock, ssl = options.get("sock"), options.get("ssl")
        if sock is None:
            return await create_server(protocol_factory, *arguments, **options)
        sock.listen(options.get("backlog", 2048))
        return SharedListener(sock, protocol_factory, ConnectionTable(folder), ssl=ssl)

    loop.create_server = create  # type: ignore[method-assign, assignment]  # of this object alone
