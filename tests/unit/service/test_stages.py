"""What is told of a request's stages, where it did not come to all of them."""

import io

import pytest
from PIL import Image

from service import metrics
from service.admission import Admission, Held
from service.exchange import Exchange
from service.large_jobs import PIXELS_A_SECOND
from service.pictures import prepare_pictures
from service.settings import Settings
from service.work import TooLargeForTheLoop


def exchange() -> Exchange:
    return Exchange(b"id", {}, Held(Admission(10, 10)), None)


def test_an_answer_that_nobody_waited_for_took_no_time_to_be_given() -> None:
    left, answered = exchange(), exchange()
    answered.status = 200
    for each in (left, answered):
        each.received(10)
        metrics.answered(each, "POST")
    assert "respond" in answered.stages
    assert "respond" not in left.stages


def test_how_long_pictures_will_take_is_known_when_they_leave_the_loop() -> None:
    file = io.BytesIO()
    Image.new("L", (2_000, 1_000)).save(file, "PNG")
    large = exchange()
    with pytest.raises(TooLargeForTheLoop):
        prepare_pictures(large, [file.getvalue()], "auto", None, Settings(), inline=True)
    assert large.expected_seconds == 2_000_000 / PIXELS_A_SECOND
