"""A candidate beside stable: which requests it answers, which it sees copies of, and what is told of both."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fashion.aliases import ALIAS_FILE, promote
from tests.http.conftest import serving
from tests.http.pictures import parts, picture
from tests.stores import AUTOENCODER, CLASSIFIER, publish_tiny

STABLE, CANDIDATE = f"{CLASSIFIER}:v1", f"{CLASSIFIER}:v2"


@pytest.fixture
def trial_home(home: Path) -> Path:
    """Stable is v1, and v2 is the candidate of both models."""
    publish_tiny(home, "v1", seed=1)
    publish_tiny(home, "v2", seed=2, alias=False)
    for name in (CLASSIFIER, AUTOENCODER):
        promote(home / ALIAS_FILE, name, "v2", alias="candidate")
    return home


def ask(client: httpx.Client, request_id: str, path: str = "/classify", **sent: object) -> str:
    answer = client.post(
        path,
        files=parts(picture(seed=7)),
        headers={"X-Request-ID": request_id},
        **sent,  # type: ignore[arg-type]  # made of words
    )
    return str(answer.raise_for_status().json()["model"])


def counts(client: httpx.Client, name: str) -> dict[tuple[str, ...], float]:
    """The counts of one metric, by the values of its labels in the order of their names."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def grown(client: httpx.Client, name: str) -> Callable[[], dict[tuple[str, ...], float]]:
    before = counts(client, name)
    return lambda: {
        labels: value - before.get(labels, 0)
        for labels, value in counts(client, name).items()
        if value != before.get(labels, 0)
    }


def test_a_share_of_the_requests_is_answered_by_the_candidate_and_told_by_version(trial_home: Path):
    with serving(candidate_share=0.3) as client:
        requests = grown(client, "fashion_version_requests_total")
        seconds = grown(client, "fashion_version_seconds_count")
        answered = [ask(client, f"request-{number}") for number in range(200)]
        by_candidate = answered.count(CANDIDATE)
        assert 40 <= by_candidate <= 80
        assert by_candidate + answered.count(STABLE) == 200
        assert requests() == {
            (CANDIDATE, "/classify", "200"): by_candidate,
            (STABLE, "/classify", "200"): 200 - by_candidate,
        }
        assert sum(seconds().values()) == 200


def test_the_same_request_id_is_answered_by_the_same_version(trial_home: Path):
    with serving(candidate_share=0.5) as client:
        first = [ask(client, f"request-{number}") for number in range(20)]
        assert [ask(client, f"request-{number}") for number in range(20)] == first
        assert len(set(first)) == 2


def test_a_request_that_names_a_model_is_never_moved(trial_home: Path):
    with serving(candidate_share=1) as client:
        assert ask(client, "id") == CANDIDATE
        for named in ("stable", CLASSIFIER, STABLE):
            assert ask(client, "id", data={"model": named}) == STABLE


def test_latents_and_seeds_stay_with_stable(trial_home: Path):
    with serving(candidate_share=1) as client:
        assert ask(client, "id", "/encode") == f"{AUTOENCODER}:v1"
        assert ask(client, "id", "/reconstruct") == f"{AUTOENCODER}:v2"
        assert client.post("/generate", json={"seed": 1}).json()["model"] == f"{AUTOENCODER}:v1"
        latents = client.post("/encode", files=parts(picture())).json()["latents"]
        assert client.post("/generate", json={"latents": latents}).json()["model"] == f"{AUTOENCODER}:v1"
        assert client.post("/generate").json()["model"] == f"{AUTOENCODER}:v2"


def test_copies_are_compared_with_what_stable_answered(trial_home: Path):
    with serving(candidate_shadow=1) as client:
        copies = grown(client, "fashion_shadow_copies_total")
        agreement = grown(client, "fashion_candidate_agreement_total")
        labels = grown(client, "fashion_shadow_predictions_total")
        differences = grown(client, "fashion_candidate_probability_difference_count")
        many = [client.post("/classify", files=parts(*[picture(seed=n) for n in range(12)])).json()]
        assert {one["model"] for one in many} == {STABLE}
        assert ask(client, "id") == STABLE
        wait_until(lambda: copies() == {("computed",): 2})
        theirs = client.post(
            "/classify", files=parts(*[picture(seed=n) for n in [*range(12), 7]]), data={"model": "candidate"}
        ).json()
        ours = many[0]["predictions"] + [many[0]["predictions"][7]]
        agree = sum(a["label"] == b["label"] for a, b in zip(ours, theirs["predictions"], strict=True))
        counted = {key[0]: value for key, value in agreement().items()}
        assert counted == {key: value for key, value in {"true": agree, "false": 13 - agree}.items() if value}
        assert {key[1] for key in labels()} == {one["label"] for one in theirs["predictions"]}
        assert sum(differences().values()) == 13


def test_a_copy_is_dropped_where_too_much_waits(trial_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("service.trial.MAX_PICTURES_WAITING", 10)
    with serving(candidate_shadow=1) as client:
        copies = grown(client, "fashion_shadow_copies_total")
        assert client.post("/classify", files=parts(*[picture()] * 12)).status_code == 200
        assert copies() == {("dropped",): 1}
        assert client.post("/classify", files=parts(picture())).status_code == 200
        wait_until(lambda: copies() == {("dropped",): 1, ("computed",): 1})


def test_without_a_candidate_nothing_is_told_of_versions(home: Path):
    publish_tiny(home, "v1", seed=1)
    with serving(candidate_share=1, candidate_shadow=1) as client:
        requests = grown(client, "fashion_version_requests_total")
        assert ask(client, "id") == STABLE
        assert not requests()


def test_a_candidate_that_was_promoted_is_no_candidate_any_more(trial_home: Path):
    with serving(candidate_share=1, alias_poll_seconds=0.05) as client:
        promote(trial_home / ALIAS_FILE, CLASSIFIER, "v2")
        wait_until(lambda: ask(client, "id", data={"model": "stable"}) == CANDIDATE)
        requests = grown(client, "fashion_version_requests_total")
        assert ask(client, "id") == CANDIDATE
        assert not requests()


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
