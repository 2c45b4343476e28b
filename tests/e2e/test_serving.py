"""Two workers behind a socket: every way of calling, the SDK, and exact counts."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bentoml
import httpx
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from fashion.aliases import ALIAS_FILE, promote, rollback
from fashion.labels import LABELS
from tests.e2e.server import Server, serving
from tests.http.pictures import parts, picture
from tests.stores import CLASSIFIER, publish_tiny, store_at

NO_KEEP_ALIVE = httpx.Limits(max_keepalive_connections=0)


def total(client: httpx.Client, name: str) -> float:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


@pytest.fixture
def shoe(tmp_path: Path) -> Path:
    path = tmp_path / "shoe.jpg"
    path.write_bytes(picture((120, 90), "RGB", "JPEG"))
    return path


@pytest.fixture
def sdk(server: Server) -> Iterator[Any]:
    with bentoml.SyncHTTPClient(server.url) as client:
        yield client
    client._temp_dir.cleanup()  # which it leaves to the garbage collector, with a warning


def test_two_workers_count_exactly_the_images_of_a_thousand_requests(server: Server, client: httpx.Client):
    assert len(server.workers()) == 2
    before, data = total(client, "fashion_predictions_total"), picture()

    def ask(count: int) -> set[int]:
        # A connection for each request, so that both workers get some.
        with httpx.Client(base_url=server.url, limits=NO_KEEP_ALIVE, timeout=60) as impatient:
            return {impatient.post("/classify", files=parts(data)).status_code for _ in range(count)}

    with ThreadPoolExecutor(8) as pool:
        statuses = set().union(*pool.map(ask, [125] * 8))
    assert statuses == {200}
    assert total(client, "fashion_predictions_total") - before == 1000


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_curl_lines_of_the_contract_just_work(server: Server, shoe: Path):
    def curl(*arguments: str) -> bytes:
        return subprocess.run(["curl", "-sf", *arguments], check=True, capture_output=True).stdout

    form = json.loads(curl("-F", f"images=@{shoe}", f"{server.url}/classify"))
    raw = json.loads(
        curl(
            "--data-binary",
            f"@{shoe}",
            "-H",
            "Content-Type: image/jpeg",
            f"{server.url}/classify?prepare=auto",
        )
    )
    assert form == raw
    assert form["predictions"][0]["label"] in LABELS
    drawn = json.loads(curl("-X", "POST", f"{server.url}/generate?label=Sneaker&count=2"))
    assert [sample["label"] for sample in drawn["samples"]] == ["Sneaker", "Sneaker"]
    sheet = curl("-X", "POST", "-H", "Accept: image/png", f"{server.url}/generate")
    assert sheet.startswith(b"\x89PNG")


def test_bentomls_client_calls_all_four_endpoints(sdk: Any, shoe: Path):
    with Image.open(shoe) as opened:
        by_path = sdk.classify(images=[shoe, shoe], prepare="photograph", explain=False)
        assert len(by_path["predictions"]) == 2
        by_picture = sdk.classify(images=[opened], model="stable")
        assert by_picture["predictions"][0]["probabilities"] == by_path["predictions"][0]["probabilities"]
        assert sdk.classify([shoe])["model"] == "fashion-classifier:v1"
        latents = sdk.encode(images=[shoe])["latents"]
        assert sdk.reconstruct(images=shoe)["reconstructions"][0]["kl_nats"] is not None
        assert sdk.generate(count=2, label="Bag", seed=1)["seed"] == 1
        assert len(sdk.generate(latents=latents)["samples"]) == 1


def test_the_same_seed_gives_the_same_bytes_on_every_worker_and_after_a_restart(server: Server, home: Path):
    body = {"count": 4, "seed": 7, "temperature": 0.8}
    from_workers = {httpx.post(f"{server.url}/generate", json=body).content for _ in range(20)}
    with serving(home, workers=1) as restarted:
        after = httpx.post(f"{restarted.url}/generate", json=body).content
    assert from_workers == {after}


def test_a_model_is_promoted_and_rolled_back_under_load_without_a_failed_request(home: Path):
    with store_at(home):
        publish_tiny(home, "v2", seed=2, alias=False)
    with serving(home, alias_poll_seconds=0.2) as server, ThreadPoolExecutor(4) as pool:
        over = threading.Event()
        load = [pool.submit(answering_models, server, over) for _ in range(4)]
        try:
            promote(home / ALIAS_FILE, CLASSIFIER, "v2")
            wait_until_both_workers_answer(server, "fashion-classifier:v2")
            rollback(home / ALIAS_FILE, CLASSIFIER)
            wait_until_both_workers_answer(server, "fashion-classifier:v1")
        finally:
            over.set()
        seen = set().union(*(one.result(60) for one in load))
    assert seen == {"fashion-classifier:v1", "fashion-classifier:v2"}


def answering_models(server: Server, over: threading.Event) -> set[str]:
    """Ask until `over`; which models answered. A failed request raises."""
    seen = set()
    with httpx.Client(base_url=server.url, limits=NO_KEEP_ALIVE, timeout=60) as client:
        while not over.is_set():
            seen.add(client.post("/classify", files=parts(picture())).raise_for_status().json()["model"])
    return seen


def wait_until_both_workers_answer(server: Server, model: str) -> None:
    deadline = time.monotonic() + 30
    with httpx.Client(base_url=server.url, limits=NO_KEEP_ALIVE, timeout=60) as client:
        in_a_row = 0
        while in_a_row < 30:
            assert time.monotonic() < deadline
            answer = client.post("/classify", files=parts(picture())).json()["model"]
            in_a_row = in_a_row + 1 if answer == model else 0


def test_metrics_can_be_scraped_from_any_worker(server: Server):
    models = {httpx.get(f"{server.url}/models").text for _ in range(10)}
    assert len(models) == 1
    text = httpx.get(f"{server.url}/metrics").text
    assert 'fashion_model_info{alias="stable",name="fashion-classifier"' in text
