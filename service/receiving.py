"""The bytes of a request's body, within the limits on their number and on the time that sending them may
take."""

import asyncio

from service.admission import Held
from service.exchange import Receive
from service.refusals import request_timeout, too_large


class ClientGone(Exception):
    """The client closed the connection: nobody is left to answer."""


async def receive_body(receive: Receive, held: Held, *, max_bytes: int, timeout_seconds: float) -> bytes:
    """Receive the whole body; refused past `max_bytes` or `timeout_seconds`. Raises ClientGone."""
    try:
        async with asyncio.timeout(timeout_seconds):
            first, more = await _receive_part(receive, held, max_bytes)
            if not more:
                return first
            parts = [first]
            while more:
                part, more = await _receive_part(receive, held, max_bytes)
                parts.append(part)
            return b"".join(parts)
    except TimeoutError:
        raise request_timeout(timeout_seconds) from None


async def _receive_part(receive: Receive, held: Held, max_bytes: int) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    part = message.get("body", b"")
    hold_part(held, part, max_bytes)
    return part, message.get("more_body", False)


def hold_part(held: Held, part: bytes, max_bytes: int) -> None:
    """Count a part of a body as held; refused where the body then has more than `max_bytes`."""
    held.hold(len(part))
    if held.bytes > max_bytes:
        raise body_too_large(max_bytes)


async def wait_until_gone(receive: Receive) -> None:
    """Return when the client of a request whose body is here has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def body_too_large(max_bytes: int) -> Exception:
    """The refusal of a body beyond `max_bytes`."""
    return too_large(f"The body must be at most {max_bytes / 1024**2:g} MiB: send fewer or smaller pictures")
