"""A real HTTP server of one thread, in which a test decides how long an answer takes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[int], int]  # the number of a request, from 0, to the status of its answer


@contextmanager
def serving(answer: Answer, bodies: list[bytes] | None = None) -> Iterator[str]:
    """Its address; `answer` is called under a lock, so that a slow request holds up all others. What came is
    added to `bodies`."""
    lock = threading.Lock()
    count = iter(range(1_000_000))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                if bodies is not None:
                    bodies.append(body)
                status = answer(next(count))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *broken: object) -> None:
            """A client that has gone is no error of the test."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/classify"
        finally:
            server.shutdown()
            thread.join()
