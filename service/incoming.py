"""A request's body as pictures and options, whichever of the three ways it was sent in.

Nothing in it is ever fetched as a URL or read as a path: a picture is bytes, or it is an error. A large body
is taken apart in a thread, and in pieces, so that small requests are answered meanwhile.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple

from service.base64_text import from_base64
from service.exchange import Exchange, Receive
from service.json_body import parse_json
from service.multipart import boundary_of, parse_multipart
from service.options import AnyOptions, merge, query_options, validate
from service.receiving import hold_part, receive_body
from service.refusals import echo, invalid_request, too_large
from service.routes import JSON, MULTIPART
from service.settings import Settings
from service.work import Work

_MAX_OPTION_PARTS: Final = 50


class Asked(NamedTuple, Generic[AnyOptions]):
    """What a request asks for: its pictures' bytes, in order, and its options, validated."""

    pictures: list[bytes]
    options: AnyOptions


@dataclass(slots=True)
class Contents:
    """What a body holds, before the options are validated."""

    pictures: list[bytes] = field(default_factory=list)
    typed: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


async def read_request(
    exchange: Exchange,
    query: bytes,
    receive: Receive,
    options: type[AnyOptions],
    settings: Settings,
    work: Work,
) -> Asked[AnyOptions]:
    """Receive the body, take it apart and validate it; refused at the first thing that is wrong."""
    body = await receive_whole(exchange, receive, settings)
    if len(body) <= settings.small_request_bytes:
        return _understand(exchange, query, body, options, settings)

    def job(inline: bool) -> Asked[AnyOptions]:  # noqa: ARG001 - it is large wherever it runs
        return _understand(exchange, query, body, options, settings)

    return await work.run(exchange, job, small=False)


def _understand(
    exchange: Exchange, query: bytes, body: bytes, options: type[AnyOptions], settings: Settings
) -> Asked[AnyOptions]:
    takes_pictures = exchange.route.takes_pictures
    contents = take_apart(exchange, body, settings.max_pictures)
    texts = merge(query_options(query).items(), contents.texts) if query else contents.texts
    validated = validate(options, contents.typed, texts)
    if takes_pictures and not contents.pictures:
        raise invalid_request("No picture was sent: images must hold at least one", field="images")
    return Asked(contents.pictures, validated)


async def receive_whole(exchange: Exchange, receive: Receive, settings: Settings) -> bytes:
    """Receive the body, within the limits; from now on the time to answer runs."""
    body = exchange.direct.body() if exchange.direct else None
    if body is not None:  # it is here already, as most small ones are
        hold_part(exchange.held, body, settings.max_body_bytes)
    else:
        body = await receive_body(
            receive,
            exchange.held,
            max_bytes=settings.max_body_bytes,
            timeout_seconds=settings.receive_timeout_seconds,
        )
    exchange.received(settings.answer_timeout_seconds)
    return body


def take_apart(exchange: Exchange, body: bytes, max_pictures: int) -> Contents:
    """The pictures and the raw options in `body`, by its media type, which the guard has checked."""
    media_type, takes_pictures = exchange.media_type, exchange.route.takes_pictures
    if media_type == MULTIPART:
        return _from_multipart(body, exchange.content_type, max_pictures)
    if takes_pictures and media_type != JSON:
        return Contents([body] if body else [])
    typed = parse_json(body, lift=takes_pictures) if body else {}
    if not takes_pictures:
        return Contents(typed=typed)
    return Contents(_from_json(typed.pop("images", []), max_pictures), typed)


def _from_multipart(body: bytes, content_type: str, max_pictures: int) -> Contents:
    contents = Contents()
    boundary = boundary_of(content_type)
    for part in parse_multipart(body, boundary, max_parts=max_pictures + _MAX_OPTION_PARTS):
        if part.name == "images":
            contents.pictures.append(part.content)
        else:
            contents.texts = merge([(part.name, _text(part.name, part.content))], contents.texts)
    _check_count(contents.pictures, max_pictures)
    return contents


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise invalid_request(
            f"The part {echo(name)} is neither a picture named images nor an option as UTF-8 text",
            field=name[:80],
        ) from None


def _from_json(images: Any, max_pictures: int) -> list[bytes]:
    if not isinstance(images, list):
        raise invalid_request(f"images must be a list of base64 strings; got {echo(images)}", field="images")
    _check_count(images, max_pictures)
    return [from_base64(image, index) for index, image in enumerate(images)]


def _check_count(pictures: list[Any], max_pictures: int) -> None:
    if len(pictures) > max_pictures:
        raise too_large(
            f"A request may hold at most {max_pictures} pictures, and this one holds {len(pictures)}",
            field="images",
        )
