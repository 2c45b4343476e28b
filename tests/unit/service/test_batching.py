"""Requests that are there together share one pass of the network, and nothing else."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from fashion.classifier import Classifier, InPasses, Prediction, as_many_as_fit
from fashion.preparation import Prepared
from service.admission import Admission, Held
from service.batching import Batches
from service.direct import EXTENSION, Direct
from service.exchange import Exchange
from service.refusals import Refusal
from tests.tiny_artifacts import tiny_classifier


class Counting(Classifier):
    """A real classifier that remembers how many pictures each pass had."""

    def classify(
        self, pictures: Sequence[Prepared], in_passes: InPasses = as_many_as_fit
    ) -> list[Prediction]:
        self.passes.append(len(pictures))
        return super().classify(pictures, in_passes)

    passes: list[int]


@pytest.fixture
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Counting:
    made = Counting(tiny_classifier(tmp_path_factory.mktemp("classifier") / "artifact"))
    made.passes = []
    return made


def exchange(num_requests: int = 2) -> Exchange:
    """One of so many that a worker has."""

    async def receive() -> None:
        raise AssertionError("nothing is left to receive")

    direct = Direct(None, range(num_requests))
    scope = {"headers": [], "path": "/classify", "extensions": {EXTENSION: direct}}
    return Exchange.of(scope, receive, Held(Admission(100, 1000)))


def pictures(count: int, side: int = 28) -> list[Prepared]:
    images = np.random.default_rng(count).integers(0, 256, (count, side, side), dtype=np.uint8)
    return [Prepared(image, "network_input") for image in images]


def ask(batches: Batches, classifier: Classifier, requests: list[list[Prepared]]) -> list[object]:
    async def together() -> list[object]:
        asked = (batches.classify(exchange(), classifier, request) for request in requests)
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(together())


def test_requests_of_one_turn_share_a_pass_and_get_their_own_answers(classifier: Counting) -> None:
    requests = [pictures(1), pictures(3), pictures(2)]
    answers = ask(Batches(16), classifier, requests)
    assert classifier.passes == [6]
    for request, answer in zip(requests, answers, strict=True):
        assert isinstance(answer, list)
        alone = classifier.classify(request)
        assert [made.class_index for made in answer] == [made.class_index for made in alone]
        for made, expected in zip(answer, alone, strict=True):
            np.testing.assert_allclose(made.probabilities, expected.probabilities, rtol=1e-5)


def test_a_workers_only_request_waits_for_no_turn_of_the_loop(classifier: Counting) -> None:
    alone, request = exchange(num_requests=1), pictures(2)
    with pytest.raises(StopIteration) as answered:
        Batches(16).classify(alone, classifier, request).send(None)
    expected = classifier.classify(request)
    assert [made.by_label for made in answered.value.value] == [made.by_label for made in expected]
    assert alone.stages["infer"] > 0
    alone.give_up()
    with pytest.raises(Refusal, match="took longer"):
        Batches(16).classify(alone, classifier, request).send(None)
    assert len(classifier.passes) == 2


def test_a_pass_has_no_more_pictures_than_the_limit_unless_one_request_has(classifier: Counting) -> None:
    ask(Batches(4), classifier, [pictures(3), pictures(2), pictures(2), pictures(6), pictures(1)])
    assert classifier.passes == [3, 4, 6, 1]


async def a_turn_apart(classifier: Counting, num_before: int) -> None:
    """Ask for so many, and for one more a turn of the loop later."""
    batches = Batches(16)
    before = (batches.classify(exchange(), classifier, pictures(1)) for _ in range(num_before))
    asked = [asyncio.create_task(each) for each in before]
    await asyncio.sleep(0)
    await asyncio.gather(*asked, batches.classify(exchange(), classifier, pictures(1)))


def test_who_comes_a_turn_after_several_shares_their_pass(classifier: Counting) -> None:
    asyncio.run(a_turn_apart(classifier, num_before=2))
    assert classifier.passes == [3]


def test_a_lone_request_does_not_give_way(classifier: Counting) -> None:
    asyncio.run(a_turn_apart(classifier, num_before=1))
    assert classifier.passes == [1, 1]


def test_a_picture_that_fails_fails_its_own_request_alone(classifier: Counting) -> None:
    good, bad, late = ask(Batches(16), classifier, [pictures(2), pictures(1, side=27), pictures(1)])
    assert isinstance(good, list)
    assert len(good) == 2
    assert isinstance(bad, Exception)
    assert isinstance(late, list)


def test_a_request_whose_time_is_over_is_not_computed(classifier: Counting) -> None:
    async def one_late() -> tuple[object, ...]:
        late, batches = exchange(), Batches(16)
        late.give_up()
        asked = (batches.classify(each, classifier, pictures(1)) for each in (late, exchange()))
        return tuple(await asyncio.gather(*asked, return_exceptions=True))

    late, other = asyncio.run(one_late())
    assert isinstance(late, Refusal)
    assert late.code == "timeout"
    assert isinstance(other, list)
    assert classifier.passes == [1]


def test_each_model_has_passes_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = [
        Counting(tiny_classifier(tmp_path_factory.mktemp("classifier") / "artifact", seed=seed))
        for seed in (1, 2)
    ]
    for classifier in made:
        classifier.passes = []

    async def both() -> None:
        batches = Batches(16)
        await asyncio.gather(*(batches.classify(exchange(), each, pictures(1)) for each in (*made, *made)))

    asyncio.run(both())
    assert [each.passes for each in made] == [[1, 1], [1, 1]]
