"""The metrics: every one that the contract names, exact, and with bounded labels."""

from collections.abc import Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.http.pictures import parts, picture

NAMES = {
    "fashion_requests_total", "fashion_request_seconds_count", "fashion_requests_in_progress",
    "fashion_predictions_total", "fashion_prediction_probability_count", "fashion_novelty_count",
    "fashion_out_of_distribution_total", "fashion_stage_seconds_count", "fashion_images_total",
    "fashion_images_per_request_count", "fashion_rejected_total",
    "fashion_reconstruction_mean_squared_error_count", "fashion_generated_total", "fashion_model_info",
}  # fmt: skip


def samples(client: httpx.Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def grown(client: httpx.Client) -> Callable[..., float]:
    """How much a metric has grown since the test began, over all of its labels that are not given."""
    before = samples(client)

    def growth(name: str, **labels: str) -> float:
        return sum(
            value - before.get(key, 0)
            for key, value in samples(client).items()
            if key[0] == name and labels.items() <= dict(key[1]).items()
        )

    return growth


def test_every_metric_of_the_contract_is_there(client: httpx.Client):
    client.post("/classify", files=parts(picture()))
    client.post("/reconstruct", files=parts(picture()))
    client.post("/generate")
    client.get("/nothing")
    assert {name for name, _ in samples(client)} >= NAMES


def test_predictions_count_pictures_by_model_and_label(client: httpx.Client, grown: Callable[..., float]):
    made = client.post("/classify", files=parts(*[picture(seed=seed) for seed in range(30)])).json()[
        "predictions"
    ]
    assert grown("fashion_predictions_total", model="fashion-classifier:v1") == 30
    label = made[0]["label"]
    assert grown("fashion_predictions_total", label=label) == sum(one["label"] == label for one in made)
    assert grown("fashion_prediction_probability_count") == grown("fashion_novelty_count") == 30
    strange = sum(not one["in_distribution"] for one in made)
    assert grown("fashion_out_of_distribution_total") == strange
    assert grown("fashion_images_total", route="/classify", prepared_as="network_input") == 30
    assert grown("fashion_images_per_request_sum", route="/classify") == 30


def test_requests_count_by_route_method_and_status(client: httpx.Client, grown: Callable[..., float]):
    client.post("/encode", files=parts(picture()))
    client.post("/encode", files=parts(b"bad"))
    client.get("/encode")
    assert grown("fashion_requests_total", route="/encode", method="POST", status="200") == 1
    assert grown("fashion_requests_total", route="/encode", method="POST", status="422") == 1
    assert grown("fashion_requests_total", route="/encode", method="GET", status="405") == 1
    assert grown("fashion_request_seconds_count", route="/encode") == 3
    assert grown("fashion_rejected_total", code="invalid_image") == 1
    assert grown("fashion_rejected_total", code="method_not_allowed") == 1


@pytest.mark.parametrize("stage", ["receive", "decode", "prepare", "infer", "respond"])
def test_every_stage_of_a_request_is_timed(client: httpx.Client, grown: Callable[..., float], stage: str):
    client.post("/classify", files=parts(picture()))
    assert grown("fashion_stage_seconds_count", route="/classify", stage=stage) == 1
    seconds = grown("fashion_stage_seconds_sum", route="/classify", stage=stage)
    assert 0 < seconds < grown("fashion_request_seconds_sum", route="/classify")


def test_samples_and_reconstructions_are_counted(client: httpx.Client, grown: Callable[..., float]):
    client.post("/generate", json={"count": 3, "label": "Bag"})
    client.post("/reconstruct", files=parts(picture(), picture()))
    assert grown("fashion_generated_total", label="Bag") == 3
    assert grown("fashion_reconstruction_mean_squared_error_count") == 2


def test_made_up_paths_and_methods_make_no_series(client: httpx.Client, grown: Callable[..., float]):
    client.get("/nothing")
    client.request("BREW", "/classify")
    before = len(samples(client))
    for index in range(20):
        client.get(f"/scan/{index}")
        client.request(f"VERB{index}", "/classify")
    assert len(samples(client)) == before
    assert grown("fashion_requests_total", route="other", status="404") == 21
    assert grown("fashion_requests_total", route="/classify", method="other") == 21


def test_the_served_models_are_told_with_their_checksums(client: httpx.Client):
    models = {model["name"]: model for model in client.get("/models").json()["models"] if model["aliases"]}
    info = {dict(labels)["name"]: dict(labels) for (name, labels), value in samples(client).items()
            if name == "fashion_model_info" and value == 1}  # fmt: skip
    assert {name: one["sha256"] for name, one in info.items()} == {
        name: one["sha256"] for name, one in models.items()
    }
    assert {one["alias"] for one in info.values()} == {"stable"}


def test_nothing_is_in_progress_but_the_question_itself(client: httpx.Client):
    assert samples(client)["fashion_requests_in_progress", ()] == 1
