"""The Accept header: whether a client wants JSON or a PNG (RFC 9110, section 12.5.1)."""

from service.refusals import Refusal
from service.routes import JSON, PNG, Route


def wants_png(accept: str, route: Route) -> bool:
    """Whether the answer is to be a PNG sheet; JSON where the client likes both as well.

    Raises the refusal of a client that accepts nothing the route gives.
    """
    if accept in ("", "*/*", JSON) or route.takes_tensors:  # whose own messages say how to answer
        return False
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    json = _quality(ranges, JSON)
    png = _quality(ranges, PNG) if route.gives_sheets else 0.0
    if json == png == 0.0:
        gives = f"{JSON} or {PNG}" if route.gives_sheets else JSON
        raise Refusal("not_acceptable", f"{route.path} answers with {gives}: accept it")
    return png > json


def _media_range(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
    try:
        return media, min(max(float(quality), 0.0), 1.0)
    except ValueError:
        return media, 1.0


def _quality(ranges: list[tuple[str, float]], media: str) -> float:
    """How much the client likes `media`: the most specific range that names it decides."""
    liked = dict(ranges)
    for pattern in (media, f"{media.partition('/')[0]}/*", "*/*"):
        if pattern in liked:
            return liked[pattern]
    return 0.0
