"""The Open Inference Protocol: the same answers as the endpoints beside it, as JSON and as binary."""

import base64
import re
from typing import Any

import httpx
import numpy as np
import pytest

from fashion.labels import LABELS
from fashion.sheets import png_bytes
from service.inference_protocol.messages import (
    InferAnswer,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from service.inference_protocol.models import PROTOCOL_MODELS
from tests.http.pictures import parts, picture
from tests.http.tensors import (
    CLASSIFIER,
    byte_strings,
    images,
    infer,
    infer_binary,
    outputs,
    tensor,
)
from tests.tiny_artifacts import LATENT

BINARY: dict[str, Any] = {"parameters": {"binary_data_output": True}}


def classified(client: httpx.Client, *pictures: bytes, **options: str) -> list[dict[str, Any]]:
    return client.post("/classify", files=parts(*pictures), data=options).json()["predictions"]


def assert_same_predictions(found: dict[str, np.ndarray], expected: list[dict[str, Any]]) -> None:
    for row, one in enumerate(expected):
        assert found["label"][row] == one["label"]
        assert found["class_index"][row] == one["class_index"]
        assert found["probabilities"][row].tolist() == list(one["probabilities"].values())
        members = np.flatnonzero(found["prediction_set"][row])
        assert {LABELS[index] for index in members} == set(one["prediction_set"])
        for name in ("coverage", "novelty"):
            value = float(found[name][row])
            assert (None if np.isnan(value) else value) == one[name]
        assert found["in_distribution"][row] == {True: 1, False: 0, None: -1}[one["in_distribution"]]


def test_health_and_metadata_have_the_protocols_form(client: httpx.Client):
    assert ServerLive.model_validate_json(client.get("/v2/health/live").content).live
    assert ServerReady.model_validate_json(client.get("/v2/health/ready").content).ready
    server = ServerMetadata.model_validate_json(client.get("/v2").content)
    assert server.extensions == ["binary_tensor_data"]
    assert ModelReady.model_validate_json(client.get(f"/v2/models/{CLASSIFIER}/ready").content).ready


@pytest.mark.parametrize("model", PROTOCOL_MODELS)
def test_metadata_names_exactly_what_the_model_gives(client: httpx.Client, model: str):
    told = ModelMetadata.model_validate_json(client.get(f"/v2/models/{model}").content)
    assert told.name == model
    assert told.versions == ["v1"]
    (takes,) = told.inputs
    shape = [2, *takes.shape[1:]]
    if takes.datatype == "BYTES":
        data: Any = [base64.b64encode(picture()).decode()] * 2
    else:
        data = np.zeros(shape, int).tolist()
    asked = {"name": takes.name, "datatype": takes.datatype, "shape": shape, "data": data}
    answer = InferAnswer.model_validate_json(infer(client, model, asked).content)
    assert [(given.name, given.datatype, given.shape) for given in answer.outputs] == [
        (output.name, output.datatype, [2, *output.shape[1:]]) for output in told.outputs
    ]


def test_images_are_classified_as_by_classify_to_the_last_bit(client: httpx.Client):
    batch = images(50)  # several passes
    expected = classified(client, *map(png_bytes, batch))
    assert_same_predictions(outputs(infer(client, CLASSIFIER, tensor(batch))), expected)
    assert_same_predictions(outputs(infer(client, CLASSIFIER, tensor(batch), **BINARY)), expected)


def test_encoded_pictures_are_classified_as_by_classify(client: httpx.Client):
    pictures = [picture(), picture((40, 60), "RGB", "JPEG")]
    expected = classified(client, *pictures)
    model = f"{CLASSIFIER}-pictures"
    as_text = {
        "name": "images",
        "datatype": "BYTES",
        "shape": [2],
        "data": [base64.b64encode(one).decode() for one in pictures],
    }
    tail = byte_strings(pictures)
    head = {
        "name": "images",
        "datatype": "BYTES",
        "shape": [2],
        "parameters": {"binary_data_size": len(tail)},
    }
    for answer in (
        infer(client, model, as_text),
        infer(client, model, as_text, **BINARY),
        infer_binary(client, model, {"inputs": [head]}, tail),
    ):
        found = outputs(answer)
        assert_same_predictions(found, expected)
        assert found["prepared_as"].tolist() == ["network_input", "photograph"]


def test_a_large_picture_may_be_sent_as_json(client: httpx.Client):
    large = picture((300, 300), "RGB")
    asked = {"name": "images", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(large).decode()]}
    assert_same_predictions(
        outputs(infer(client, f"{CLASSIFIER}-pictures", asked)), classified(client, large)
    )


def test_prepare_is_a_parameter_of_the_request(client: httpx.Client):
    asked = {
        "name": "images",
        "datatype": "BYTES",
        "shape": [1],
        "data": [base64.b64encode(picture()).decode()],
    }
    found = outputs(infer(client, f"{CLASSIFIER}-pictures", asked, parameters={"prepare": "photograph"}))
    assert found["prepared_as"].tolist() == ["photograph"]
    assert_same_predictions(found, classified(client, picture(), prepare="photograph"))


def test_latents_are_those_of_encode_and_decode_to_those_of_reconstruct(client: httpx.Client):
    batch = images(2)
    files = parts(*map(png_bytes, batch))
    encoded = client.post("/encode", files=files).json()["latents"]
    latents = outputs(infer(client, "fashion-vae-encoder", tensor(batch)))
    assert latents["mean"].tolist() == [one["mean"] for one in encoded]
    assert latents["log_variance"].tolist() == [one["log_variance"] for one in encoded]

    decoded = outputs(
        infer(client, "fashion-vae-decoder", tensor(latents["mean"], "latents", "FP32"), **BINARY)
    )
    made = outputs(infer(client, "fashion-vae", tensor(batch), **BINARY))
    assert np.array_equal(decoded["images"], made["reconstruction"])
    lost = client.post("/reconstruct", files=files).json()["reconstructions"]
    for name in ("mean_squared_error", "reconstruction_nats", "kl_nats"):
        assert made[name].tolist() == [one[name] for one in lost]


def test_binary_inputs_and_outputs_say_what_json_says(client: httpx.Client):
    batch = images(4, seed=3)
    in_json = outputs(infer(client, "fashion-vae-encoder", tensor(batch)))
    head = tensor(batch, parameters={"binary_data_size": batch.nbytes})
    del head["data"]
    wanted = [{"name": "log_variance", "parameters": {"binary_data": True}}, {"name": "mean"}]
    answer = infer_binary(
        client, "fashion-vae-encoder", {"inputs": [head], "outputs": wanted}, batch.tobytes()
    )
    assert answer.headers["content-type"] == "application/octet-stream"
    found = outputs(answer)
    assert list(found) == ["log_variance", "mean"]
    for name in found:
        assert np.array_equal(found[name], in_json[name])


def test_an_outputs_own_wish_overrules_the_requests(client: httpx.Client):
    wanted = [{"name": "mean", "parameters": {"binary_data": False}}]
    answer = infer(client, "fashion-vae-encoder", tensor(images(1)), outputs=wanted, **BINARY)
    assert answer.headers["content-type"] == "application/json"
    assert [output["name"] for output in answer.json()["outputs"]] == ["mean"]


def test_data_may_be_flat_or_nested(client: httpx.Client):
    batch = images(2)
    nested = outputs(infer(client, CLASSIFIER, tensor(batch)))
    flat = outputs(infer(client, CLASSIFIER, tensor(batch, data=batch.ravel().tolist())))
    assert np.array_equal(nested["logits"], flat["logits"])


def test_the_answer_names_the_version_and_the_id(client: httpx.Client):
    answer = infer(client, CLASSIFIER, tensor(images(1)), id="number 42").json()
    assert answer["model_name"] == CLASSIFIER
    assert answer["model_version"] == "v1"
    assert answer["id"] == "number 42"
    assert "id" not in infer(client, CLASSIFIER, tensor(images(1))).json()


def test_parameters_of_other_servers_are_passed_over(client: httpx.Client):
    parameters = {"priority": 1, "timeout": 1000, "sequence_id": "x"}
    answer = infer(client, CLASSIFIER, tensor(images(1), parameters={"more": True}), parameters=parameters)
    assert answer.status_code == 200


def test_requests_are_counted_by_route_and_never_by_name(client: httpx.Client):
    infer(client, CLASSIFIER, tensor(images(2)))
    client.get("/v2/models/some-name-that-nobody-has")
    client.get("/v2/some-path-that-nobody-has")
    exposed = client.get("/metrics").text
    assert 'fashion_requests_total{method="POST",route="/v2/models/{name}/infer",status="200"}' in exposed
    assert re.search(
        r'fashion_images_total\{prepared_as="network_input",route="/v2/models/\{name\}/infer"', exposed
    )
    assert re.search(r'fashion_stage_seconds_count\{route="/v2/models/\{name\}/infer",stage="infer"', exposed)
    assert "nobody-has" not in exposed


def test_latents_that_one_row_holds_are_as_many_as_the_model_says(client: httpx.Client):
    told = client.get("/v2/models/fashion-vae-decoder").json()
    assert told["inputs"] == [{"name": "latents", "datatype": "FP32", "shape": [-1, LATENT]}]
