"""Connections as bytes: what no client library sends, and exactly what comes back."""

import socket
from typing import Final

from tests.e2e.server import Server

GET: Final = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def read_answer(connection: socket.socket) -> bytes:
    """One whole answer, headers and body, which may come in pieces; what follows is left unread."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        assert part, f"the connection was closed after {head!r}"
        head += part
    length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
    return head + connection.recv(int(length.split(b":")[1]), socket.MSG_WAITALL)
