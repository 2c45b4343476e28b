"""The Open Inference Protocol, asked over a socket by a public client of it: Triton's."""

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from fashion.labels import LABELS
from tests.e2e.server import Server, serving

CLASSIFIER = "fashion-classifier"
LATENT = 4


@pytest.fixture
def triton(server: Server) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(f"127.0.0.1:{server.port}", concurrency=4, network_timeout=30) as made:
        yield made


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def given(array: np.ndarray, datatype: str, name: str = "images", *, binary: bool = True) -> list[InferInput]:
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return [made]


def encoded(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def classified(client: httpx.Client, *pictures: bytes) -> list[dict]:
    files = [("images", (str(index), data, "image/png")) for index, data in enumerate(pictures)]
    return client.post("/classify", files=files).json()["predictions"]


def assert_same(result: InferResult, expected: list[dict], label_type: type) -> None:
    labels = result.as_numpy("label")
    assert labels is not None
    assert [label.decode() if label_type is bytes else label for label in labels] == [
        one["label"] for one in expected
    ]
    assert result.as_numpy("probabilities").tolist() == [
        list(one["probabilities"].values()) for one in expected
    ]
    assert result.as_numpy("novelty").tolist() == [one["novelty"] for one in expected]


def test_the_server_and_its_models_are_live_ready_and_described(triton: InferenceServerClient):
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready(CLASSIFIER)
    assert triton.is_model_ready(CLASSIFIER, "v1")
    assert not triton.is_model_ready(CLASSIFIER, "v9")
    assert not triton.is_model_ready("nobody")
    assert "binary_tensor_data" in triton.get_server_metadata()["extensions"]
    told = triton.get_model_metadata("fashion-vae-decoder")
    assert told["inputs"] == [{"name": "latents", "datatype": "FP32", "shape": [-1, LATENT]}]
    assert told["versions"] == ["v1"]


def test_tensors_are_classified_as_pictures_are_by_classify(
    triton: InferenceServerClient, client: httpx.Client
):
    batch = images(4)
    expected = classified(client, *map(encoded, batch))
    in_binary = triton.infer(CLASSIFIER, given(batch, "UINT8"), request_id="7")
    assert_same(in_binary, expected, bytes)
    assert in_binary.get_response()["id"] == "7"
    assert in_binary.get_response()["model_version"] == "v1"

    names = ("label", "probabilities", "novelty")
    as_json = [InferRequestedOutput(name, binary_data=False) for name in names]
    in_json = triton.infer(CLASSIFIER, given(batch, "UINT8", binary=False), outputs=as_json)
    assert_same(in_json, expected, str)
    assert in_json.as_numpy("logits") is None

    mixed = [InferRequestedOutput(name, binary_data=name != "label") for name in names]
    assert_same(triton.infer(CLASSIFIER, given(batch, "UINT8"), outputs=mixed), expected, str)


def test_encoded_pictures_travel_as_byte_strings(triton: InferenceServerClient, client: httpx.Client):
    photograph = np.random.default_rng(1).integers(0, 256, (50, 40, 3), dtype=np.uint8)
    pictures = [encoded(images(1)[0]), encoded(photograph)]
    array = np.array(pictures, dtype=np.object_)
    result = triton.infer(f"{CLASSIFIER}-pictures", given(array, "BYTES"))
    assert result.as_numpy("prepared_as").tolist() == [b"network_input", b"photograph"]
    expected = classified(client, *pictures)
    assert result.as_numpy("probabilities").tolist() == [
        list(one["probabilities"].values()) for one in expected
    ]
    # The tiny classifier has no calibration for photographs: there is no novelty, in JSON nor as a number.
    assert expected[1]["novelty"] is None
    assert np.isnan(result.as_numpy("novelty")[1])
    assert result.as_numpy("in_distribution").tolist()[1] == -1
    in_json = [InferRequestedOutput("novelty", binary_data=False)]
    result = triton.infer(f"{CLASSIFIER}-pictures", given(array, "BYTES"), outputs=in_json)
    assert np.isnan(result.as_numpy("novelty")[1])


def test_what_is_encoded_is_decoded(triton: InferenceServerClient):
    batch = images(3)
    mean = triton.infer("fashion-vae-encoder", given(batch, "UINT8")).as_numpy("mean")
    decoded = triton.infer("fashion-vae-decoder", given(mean, "FP32", "latents")).as_numpy("images")
    made = triton.infer("fashion-vae", given(batch, "UINT8"), model_version="v1").as_numpy("reconstruction")
    assert decoded.shape == (3, 28, 28)
    assert np.array_equal(decoded, made)


@pytest.mark.parametrize(
    ("model", "inputs", "status"),
    [
        ("nobody", given(images(1), "UINT8"), "404"),
        (CLASSIFIER, given(np.zeros((1, 784), np.uint8), "UINT8"), "400"),
        (CLASSIFIER, given(np.zeros((1, 28, 28), np.float32), "FP32"), "400"),
        (CLASSIFIER, given(images(1), "UINT8", "pixels"), "400"),
        (CLASSIFIER, given(images(257), "UINT8"), "413"),
        ("fashion-vae-decoder", given(np.full((1, LATENT), np.nan, np.float32), "FP32", "latents"), "400"),
        (f"{CLASSIFIER}-pictures", given(np.array([b"no picture"], np.object_), "BYTES"), "422"),
    ],
    ids=["unknown", "shape", "datatype", "name", "too-many", "nan", "no-picture"],
)
def test_the_client_understands_what_is_refused(
    triton: InferenceServerClient, model: str, inputs: list[InferInput], status: str
):
    with pytest.raises(InferenceServerException) as refused:
        triton.infer(model, inputs)
    assert refused.value.status() == status
    assert len(refused.value.message()) > 20  # a sentence, and not what the client says where there is none


def test_an_extension_that_the_server_does_not_have_is_refused(triton: InferenceServerClient):
    with pytest.raises(InferenceServerException, match="classification"):
        triton.infer(
            CLASSIFIER,
            given(images(1), "UINT8"),
            outputs=[InferRequestedOutput("probabilities", class_count=3)],
        )
    with pytest.raises(InferenceServerException) as refused:
        triton.get_model_repository_index()
    assert refused.value.status() == "404"


def test_many_clients_get_each_its_own_answer(server: Server):
    def ask(seed: int) -> bool:
        batch = images(1 + seed % 12, seed)
        with InferenceServerClient(f"127.0.0.1:{server.port}") as made:
            result = made.infer(CLASSIFIER, given(batch, "UINT8"))
            again = made.infer(CLASSIFIER, given(batch, "UINT8", binary=False))
        logits = result.as_numpy("logits")
        return logits.shape == (len(batch), len(LABELS)) and np.allclose(logits, again.as_numpy("logits"))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, range(24)))


def test_large_batches_leave_small_requests_in_time(server: Server, client: httpx.Client):
    """Health is asked while batches of the largest size are being answered."""
    batch = given(images(256), "UINT8")

    def ask(_: int) -> None:
        with InferenceServerClient(f"127.0.0.1:{server.port}") as made:
            assert made.infer(CLASSIFIER, batch).as_numpy("probabilities").shape == (256, len(LABELS))

    with ThreadPoolExecutor(2) as threads:
        asked = threads.map(ask, range(8))
        began = time.monotonic()
        assert client.get("/v2/health/live").status_code == 200
        assert time.monotonic() - began < 5
        list(asked)


def test_a_server_that_was_told_to_end_is_not_ready_and_still_answers(home: Path):
    with serving(home, workers=1, drain_seconds=6) as server:
        with httpx.Client(base_url=server.url, timeout=10) as asking:
            assert asking.get("/v2/health/ready").status_code == 200
            server.process.terminate()
            deadline = time.monotonic() + 5
            while (
                ready := asking.get("/v2/health/ready")
            ).status_code == 200 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert ready.status_code == 503
            assert ready.json().keys() == {"error"}
            assert asking.get("/v2/health/live").status_code == 200
        with InferenceServerClient(f"127.0.0.1:{server.port}") as made:
            assert made.infer(CLASSIFIER, given(images(1), "UINT8")).as_numpy("label") is not None
