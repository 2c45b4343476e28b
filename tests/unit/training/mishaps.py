"""A server of files on this machine that can be told to cut, stall, lie and refuse."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves `files` by name. The next of `mishaps`, if any is left, answers instead."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.mishaps: list[Callable[[Handler, bytes], None]] = []
        self.asked: list[tuple[str, str | None]] = []
        self.honours_ranges = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name, wanted = self.path.removeprefix("/"), self.headers["Range"]
        self.server.asked.append((name, wanted))
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
        elif self.server.mishaps:
            self.server.mishaps.pop(0)(self, content)
        elif wanted and self.server.honours_ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.answer(
                206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            )
        else:
            self.answer(200, content, {})

    def answer(self, status: int, body: bytes, headers: dict[str, str], *, sent: int | None = None) -> None:
        """Send `body`, or only its first `sent` bytes under the length of the whole."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def cut_after(num_bytes: int) -> Callable[[Handler, bytes], None]:
    def mishap(handler: Handler, content: bytes) -> None:
        handler.answer(200, content, {}, sent=num_bytes)
        handler.close_connection = True

    return mishap
