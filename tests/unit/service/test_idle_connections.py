"""A request that arrives while the loop is busy, as its connection's idle time ends."""

import asyncio
import socket
import time
from contextlib import ExitStack, closing

import uvicorn
import uvloop
from uvicorn.server import ServerState

from service.connections import Connection

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
IDLE_SECONDS = 0.2


async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def connection() -> Connection:
    config = uvicorn.Config(answer, log_level="error")
    config.load()
    made = Connection(config=config, server_state=ServerState(), app_state={})
    made.timeout_keep_alive = IDLE_SECONDS
    return made


async def read_answer(client: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"ok"):
        part = await asyncio.get_running_loop().sock_recv(client, 4096)
        assert part, "the connection was closed"
        received += part
    return received


async def ask_while_the_loop_is_busy() -> bytes:
    """The answer to a second request, which arrives in time, while another connection's event keeps the loop
    busy until the time is over."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0)
    with socket.socket() as client, closing(server), ExitStack() as others:
        client.setblocking(False)
        await loop.sock_connect(client, server.sockets[0].getsockname())
        client.send(GET)
        await read_answer(client)
        ours, theirs = (others.enter_context(end) for end in socket.socketpair())

        def keep_busy() -> None:
            loop.remove_reader(ours)
            client.send(GET)
            time.sleep(2 * IDLE_SECONDS)

        loop.add_reader(ours, keep_busy)
        theirs.send(b"x")
        return await read_answer(client)


def test_it_is_answered_and_not_reset():
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask_while_the_loop_is_busy()).startswith(b"HTTP/1.1 200 ")
