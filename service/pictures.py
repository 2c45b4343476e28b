"""A request's pictures to network inputs, within the limits on their pixels, with errors that say which
picture."""

from collections.abc import Sequence
from time import perf_counter
from typing import Final

from fashion.decoding import OpenedPicture, Picture, open_picture
from fashion.errors import NotANetworkInput, PictureError, UnreadablePicture
from fashion.inputs import SIDE, PrepareMode
from fashion.plain_png import read_plain_png
from fashion.preparation import WORKING_SIDE, Prepared, prepare
from service.exchange import Exchange
from service.large_jobs import PIXELS_A_SECOND
from service.refusals import Refusal, refusal_of, too_large
from service.settings import Settings
from service.work import TooLargeForTheLoop

_PLAIN_SIZE: Final = (SIDE, SIDE)
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
    began = perf_counter()
    opened = [_open(index, count, data) for index, data in enumerate(pictures)]
    num_pixels = _check_pixels(opened, settings)
    exchange.expected_seconds = max(exchange.expected_seconds, num_pixels / PIXELS_A_SECOND)
    if inline and num_pixels > settings.small_picture_pixels:
        raise TooLargeForTheLoop
    began = exchange.mark("decode", began)
    prepared = []
    for index, picture in enumerate(opened):
        if isinstance(picture, Picture):
            prepared.append(_prepare(index, count, picture, mode, view_side))
            continue
        exchange.check_time()
        decoded = _decode(index, count, picture, settings, view_side)
        began = exchange.mark("decode", began)
        prepared.append(_prepare(index, count, decoded, mode, view_side))
        began = exchange.mark("prepare", began)
    exchange.mark("prepare", began)
    return prepared


def _open(index: int, count: int, data: bytes) -> Picture | OpenedPicture:
    """Read a picture's header; the smallest and most usual kind comes decoded at once."""
    plain = read_plain_png(data)
    if plain is not None:
        return Picture(plain, _PLAIN_SIZE)
    try:
        return open_picture(data)
    except PictureError as error:
        raise _refused(index, count, error) from None


def _decode(
    index: int, count: int, picture: OpenedPicture, settings: Settings, view_side: int | None
) -> Picture:
    """Decode an opened picture, at the scale that preparation needs."""
    try:
        return picture.decode(
            max_pixels=settings.max_picture_pixels, target_side=max(WORKING_SIDE, view_side or 0)
        )
    except PictureError as error:
        raise _refused(index, count, error) from None


def _prepare(index: int, count: int, picture: Picture, mode: PrepareMode, view_side: int | None) -> Prepared:
    try:
        return prepare(picture, mode, view_side=view_side)
    except PictureError as error:
        raise _refused(index, count, error) from None


def _check_pixels(pictures: Sequence[Picture | OpenedPicture], settings: Settings) -> int:
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
    return together


def _refused(index: int, count: int, error: PictureError) -> Refusal:
    """The refusal of one picture: it says which, and what is wrong with it."""
    code = refusal_of(error).code
    message = f"Image {index + 1} of {count} {_WHAT_IS_WRONG.get(type(error), 'cannot be used')}: {error}"
    return Refusal(code, message, field=f"images[{index}]")
