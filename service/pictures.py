"""A request's pictures to network inputs, within the limits on their pixels, with errors that say which
picture."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Final, TypeVar

from fashion.decoding import OpenedPicture, Picture, open_picture
from fashion.errors import NotANetworkInput, PictureError, UnreadablePicture
from fashion.plain_png import read_plain_png
from fashion.preparation import WORKING_SIDE, Prepared, PrepareMode, prepare
from service.exchange import Exchange
from service.large_jobs import PIXELS_A_SECOND
from service.refusals import Refusal, refusal_of, too_large
from service.settings import Settings
from service.work import TooLargeForTheLoop

T = TypeVar("T")

_WHAT_IS_WRONG: Final[dict[type[PictureError], str]] = {
    UnreadablePicture: "is not a readable picture",
    NotANetworkInput: "is not a network input",
}


def prepare_pictures(
    exchange: Exchange,
    pictures: Sequence[bytes],
    mode: PrepareMode,
    view_side: int | None,
    settings: Settings,
    *,
    inline: bool,
) -> list[Prepared]:
    """Open all pictures, check their sizes, then decode and prepare each; refused at the first that cannot
    be used.

    With `inline`, TooLargeForTheLoop is raised instead of decoding pictures that are not small.
    """
    count = len(pictures)
    decode_one = partial(_decode, max_pixels=settings.max_picture_pixels, side=view_side)
    prepare_one = partial(prepare, mode=mode, view_side=view_side)
    opened = [_blaming(index, count, _open, data) for index, data in enumerate(pictures)]
    num_pixels = _check_pixels(opened, settings, inline=inline)
    exchange.expected_seconds = max(exchange.expected_seconds, num_pixels / PIXELS_A_SECOND)
    prepared = []
    for index, picture in enumerate(opened):
        exchange.check_time()
        now = perf_counter()
        decoded = _blaming(index, count, decode_one, picture)
        now = exchange.mark("decode", now)
        prepared.append(_blaming(index, count, prepare_one, decoded))
        now = exchange.mark("prepare", now)
    return prepared


def _open(data: bytes) -> Picture | OpenedPicture:
    """Read a picture's header; the smallest and most usual kind comes decoded at once."""
    plain = read_plain_png(data)
    return open_picture(data) if plain is None else Picture(plain, (plain.shape[1], plain.shape[0]))


def _decode(picture: Picture | OpenedPicture, *, max_pixels: int, side: int | None) -> Picture:
    """Decode an opened picture, at the scale that preparation needs."""
    if isinstance(picture, Picture):
        return picture
    return picture.decode(max_pixels=max_pixels, target_side=max(WORKING_SIDE, side or 0))


def _check_pixels(pictures: Sequence[Picture | OpenedPicture], settings: Settings, *, inline: bool) -> int:
    """The number of pixels to decode; refused before, where one picture or all together have too many."""
    together = 0
    for index, picture in enumerate(pictures):
        if isinstance(picture, Picture):
            continue
        together += picture.num_pixels
        if picture.num_pixels > settings.max_picture_pixels:
            raise too_large(
                f"Image {index + 1} of {len(pictures)} has {picture.num_pixels:,} pixels, and "
                f"{settings.max_picture_pixels:,} are allowed: send a smaller one",
                field=f"images[{index}]",
            )
    if together > settings.max_request_pixels:
        raise too_large(
            f"The pictures of a request may have {settings.max_request_pixels:,} pixels together, "
            f"and these have {together:,}: send fewer or smaller ones",
            field="images",
        )
    if inline and together > settings.small_picture_pixels:
        raise TooLargeForTheLoop
    return together


def _blaming(index: int, count: int, step: Callable[..., T], *arguments: object) -> T:
    """Run one step on one picture; its error says which picture, and what was wrong with it."""
    try:
        return step(*arguments)
    except PictureError as error:
        refusal = refusal_of(error)
        message = f"Image {index + 1} of {count} {_WHAT_IS_WRONG.get(type(error), 'cannot be used')}: {error}"
        raise Refusal(refusal.code, message, field=f"images[{index}]") from None
