"""Connections shared out evenly among the workers, which all listen on one socket.

Left alone, whichever worker wakes first accepts all that wait: of eight connections that are opened at
once one worker may get all, and the other core idles while they live. Here each worker writes down how
many connections it has, in a file that all of them map, and leaves a new one to a worker that has fewer
(docs/decisions/0106).
"""

import asyncio
import fcntl
import mmap
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from service.metric_files import reserve

_SLOT: Final = struct.Struct("<qq")  # a process, and the connections that it has
_SLOTS: Final = 256
_NEVER_TAKEN: Final = 0  # in the place of a process
_LEFT: Final = -1
_FILE: Final = "connections.table"
_LOOK_AGAIN_SECONDS: Final = 0.001
_PATIENCE: Final = 5  # looks; a worker that is busy computing for longer than that gets nothing more to do

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
            self._write()
            fcntl.flock(file, fcntl.LOCK_UN)  # the mapping keeps the file open, and would keep the lock

    def _free_slot(self) -> int:
        for slot in range(_SLOTS):
            pid, _ = _SLOT.unpack_from(self._table, slot * _SLOT.size)
            if pid <= 0 or not _lives(pid):
                return slot
        raise OSError(f"All {_SLOTS} slots of the table of connections are taken")

    def add(self, change: int) -> None:
        """Count connections that this worker has more, or fewer."""
        self._count += change
        self._write()

    def _write(self) -> None:
        _SLOT.pack_into(self._table, self._own * _SLOT.size, os.getpid(), self._count)

    def leave(self) -> None:
        """Give the slot back: this worker takes no more connections."""
        _SLOT.pack_into(self._table, self._own * _SLOT.size, _LEFT, 0)

    def another_has_fewer(self) -> bool:
        """Whether a living worker has fewer connections than this one."""
        for pid, count in _SLOT.iter_unpack(self._table):
            if pid == _NEVER_TAKEN:
                return False  # and no slot behind it was taken either
            if pid != _LEFT and count < self._count and _lives(pid):
                return True
        return False


class SharedListener:
    """Accepts connections one by one, and only while no other worker has fewer: as much of an asyncio.Server
    as uvicorn needs."""

    def __init__(
        self, sock: socket.socket, protocol_factory: ProtocolFactory, table: ConnectionTable, **options: Any
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._protocol_factory = protocol_factory
        self._table = table
        self._options = options
        self._looks = 0
        self._connecting: set[asyncio.Task[Any]] = set()
        self._look_again: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        self._watch()

    def _watch(self) -> None:
        self._look_again = None
        self._loop.add_reader(self._socket.fileno(), self._on_waiting)

    def _on_waiting(self) -> None:
        if self._looks < _PATIENCE and self._table.another_has_fewer():
            self._looks += 1
            self._loop.remove_reader(self._socket.fileno())
            self._look_again = self._loop.call_later(_LOOK_AGAIN_SECONDS, self._watch)
            return
        self._looks = 0
        try:
            accepted, _ = self._socket.accept()
        except OSError:  # another worker took it, or the client has gone
            return
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

        protocol.connection_lost = on_connection_lost  # type: ignore[method-assign, assignment]
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

    loop.create_server = create  # type: ignore[method-assign, assignment]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
