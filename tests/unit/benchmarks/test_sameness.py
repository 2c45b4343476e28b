import base64
import io
import math

import numpy as np
import pytest
from PIL import Image

from benchmarks.peers import PEERS
from benchmarks.processes import CannotCompare
from benchmarks.sameness import check_same, difference
from benchmarks.workloads import MANY, SMALL

BY_NAME = {peer.name: peer for peer in PEERS}


def png(level: int) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), level, np.uint8)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def answer(probability: float, label: str = "Coat", model: str = "fashion-classifier") -> dict:
    prediction = {"label": label, "probabilities": {"Coat": probability, "Bag": 1 - probability}}
    return {"model": model, "predictions": [prediction]}


def test_the_order_of_keys_and_the_name_of_the_model_may_differ():
    turned = dict(reversed(answer(0.7, model="fashion-classifier:v1").items()))
    assert check_same(BY_NAME["starlette"], SMALL, [answer(0.7)], [turned]) == 0


def test_another_number_or_another_label_is_another_answer():
    with pytest.raises(CannotCompare, match=r"answers small-png otherwise than the models do: off by 0\.01"):
        check_same(BY_NAME["starlette"], SMALL, [answer(0.7)], [answer(0.71)])
    with pytest.raises(CannotCompare):
        check_same(BY_NAME["starlette"], SMALL, [answer(0.7)], [answer(0.7, label="Bag")])


def test_where_many_are_computed_together_rounding_may_turn_a_label():
    expected, came = [answer(0.5005)], [answer(0.4995, label="Bag")]
    assert check_same(BY_NAME["mosec"], MANY, expected, came) == pytest.approx(0.001)
    with pytest.raises(CannotCompare):
        check_same(BY_NAME["mosec"], MANY, [answer(0.7)], [answer(0.6)])


def test_torch_may_be_off_by_what_quantising_took_on_the_mean_of_all_pictures():
    torch, hundred = BY_NAME["fastapi-torch"], [answer(0.7)] * 100
    one_goes_the_other_way = [*[answer(0.71)] * 99, answer(0.1)]
    assert check_same(torch, SMALL, hundred, one_goes_the_other_way) == pytest.approx(0.6)
    with pytest.raises(CannotCompare, match=r"off by 0\.03, 0\.02 is allowed"):
        check_same(torch, SMALL, hundred, [answer(0.73)] * 100)


def test_pictures_are_compared_by_their_pixels():
    assert difference({"image": png(100)}, {"image": png(102)}) == pytest.approx(2 / 255)


@pytest.mark.parametrize(
    ("expected", "came"), [([1.0], [1.0, 2.0]), ({"a": 1}, {"b": 1}), (None, 0.5), ("a", "b")]
)
def test_answers_of_another_shape_are_infinitely_far(expected, came):
    assert difference(expected, came) == math.inf
