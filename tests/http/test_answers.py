"""What the four endpoints answer, in every way of asking."""

import base64
import io
import json

import httpx
import numpy as np
import pytest
from PIL import Image

from fashion.labels import LABELS
from tests.http.pictures import base64_of, parts, picture
from tests.tiny_artifacts import LATENT


def opened(base64_png: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(base64_png)), formats=["PNG"])


def test_classify_answers_one_prediction_a_picture_in_order(client: httpx.Client):
    answer = client.post("/classify", files=parts(picture(), picture((40, 30), "RGB", "JPEG"))).json()
    assert answer["model"] == "fashion-classifier:v1"
    grey, photograph = answer["predictions"]
    assert (grey["prepared_as"], photograph["prepared_as"]) == ("network_input", "photograph")


def test_classify_tells_everything_the_contract_names(client: httpx.Client):
    (made,) = client.post("/classify", files=parts(picture())).json()["predictions"]
    assert tuple(made["probabilities"]) == LABELS
    assert sum(made["probabilities"].values()) == pytest.approx(1)
    assert made["label"] == LABELS[made["class_index"]]
    assert made["probability"] == max(made["probabilities"].values()) == made["probabilities"][made["label"]]
    assert made["label"] in made["prediction_set"]
    assert made["coverage"] == 0.99
    assert 0 <= made["novelty"] <= 1
    assert made["in_distribution"] is (made["novelty"] <= 0.95)
    assert made["explanation"] is None


def test_a_kind_without_calibration_says_so(client: httpx.Client):
    (made,) = client.post("/classify", files=parts(picture((50, 50), "RGB"))).json()["predictions"]
    assert made["coverage"] is None
    assert made["novelty"] is None
    assert made["in_distribution"] is None
    assert made["prediction_set"] == [made["label"]]


def test_all_three_ways_of_sending_a_picture_get_the_same_answer(client: httpx.Client):
    data = picture()
    wrapped = "data:image/png;base64," + "\r\n".join(
        base64_of(data)[start : start + 76] for start in range(0, len(base64_of(data)), 76)
    )
    answers = [
        client.post("/classify", files=parts(data)),
        client.post("/classify", content=data, headers={"Content-Type": "image/jpeg"}),
        client.post("/classify", content=data, headers={"Content-Type": "application/octet-stream"}),
        client.post("/classify", json={"images": [base64_of(data)]}),
        client.post("/classify", json={"images": [wrapped]}),
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("media_type", ["image/jpg", "text/plain", "application/x-anything", ""])
def test_a_parts_own_content_type_is_not_trusted(client: httpx.Client, media_type: str):
    files = [("images", ("x", picture(), media_type))]
    assert client.post("/classify", files=files).status_code == 200


def test_options_are_read_the_same_from_json_form_and_query(client: httpx.Client):
    data, options = picture(), {"prepare": "photograph", "model": "fashion-classifier:v2", "explain": "true"}
    by_form = client.post("/classify", files=parts(data), data=options)
    by_quoted_form = client.post("/classify", files=parts(data), data={**options, "prepare": '"photograph"'})
    by_query = client.post("/classify", params=options, content=data, headers={"Content-Type": "image/png"})
    by_json = client.post("/classify", json={**options, "explain": True, "images": [base64_of(data)]})
    assert by_json.json()["model"] == "fashion-classifier:v2"
    assert by_json.json()["predictions"][0]["prepared_as"] == "photograph"
    assert by_form.text == by_quoted_form.text == by_query.text == by_json.text


def test_explain_shows_input_map_and_overlay(client: httpx.Client):
    data = picture()
    (made,) = client.post("/classify?explain=true", files=parts(data)).json()["predictions"]
    why = made["explanation"]
    np.testing.assert_array_equal(opened(why["network_input"]), Image.open(io.BytesIO(data)))
    assert opened(why["class_activation_map"]).mode == opened(why["overlay"]).mode == "RGB"


def test_encode_tells_mean_and_log_variance(client: httpx.Client):
    answer = client.post("/encode", files=parts(picture(), picture(seed=1))).json()
    assert answer["model"] == "fashion-vae:v1"
    assert answer["latent_size"] == LATENT
    assert [(len(one["mean"]), len(one["log_variance"])) for one in answer["latents"]] == [
        (LATENT, LATENT)
    ] * 2


def test_reconstruct_tells_image_and_loss(client: httpx.Client):
    answer = client.post("/reconstruct", files=parts(picture())).json()
    (made,) = answer["reconstructions"]
    assert opened(made["image"]).size == (28, 28)
    assert made["mean_squared_error"] > 0
    assert made["reconstruction_nats"] > 0
    assert made["kl_nats"] > 0


def test_reconstruct_draws_one_sheet_on_request(client: httpx.Client):
    answer = client.post("/reconstruct", files=parts(picture()), headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (28, 58)


def test_generate_without_a_body_draws_sixteen(client: httpx.Client):
    answer = client.post("/generate").json()
    assert len(answer["samples"]) == 16
    assert isinstance(answer["seed"], int)
    assert all(sample["label"] in LABELS for sample in answer["samples"])


def test_generate_repeats_itself_by_the_seed_that_it_told(client: httpx.Client):
    first = client.post("/generate", json={"count": 3})
    again = client.post("/generate", json={"count": 3, "seed": first.json()["seed"]})
    assert again.text == first.text
    other = client.post("/generate", json={"count": 3, "seed": first.json()["seed"] // 2 + 1})
    assert other.json()["samples"] != first.json()["samples"]


def test_generate_draws_the_label_asked_for_by_name_or_index(client: httpx.Client):
    by_name = client.post("/generate", json={"label": "Bag", "seed": 1, "count": 2})
    by_index = client.post("/generate", json={"label": 8, "seed": 1, "count": 2})
    assert by_name.text == by_index.text
    assert {sample["label"] for sample in by_name.json()["samples"]} == {"Bag"}


def test_generate_reads_its_options_from_the_query_too(client: httpx.Client):
    by_query = client.post("/generate?count=2&seed=5&label=Bag&temperature=0.5")
    by_json = client.post("/generate", json={"count": 2.0, "seed": 5, "label": "Bag", "temperature": 0.5})
    assert by_query.text == by_json.text


def test_generate_decodes_latents_as_encode_gives_them(client: httpx.Client):
    latents = client.post("/encode", files=parts(picture())).json()["latents"]
    image = client.post("/reconstruct", files=parts(picture())).json()["reconstructions"][0]["image"]
    for given in (latents, [latents[0]["mean"]]):
        answer = client.post("/generate", json={"latents": given}).json()
        assert answer["seed"] is None
        assert answer["samples"][0]["image"] == image
        assert answer["samples"][0]["label"] is None


def test_generate_draws_one_sheet_in_the_columns_asked_for(client: httpx.Client):
    body = {"count": 6, "columns": 3, "seed": 1}
    answer = client.post("/generate", json=body, headers={"Accept": "image/png"})
    assert Image.open(io.BytesIO(answer.content)).size == (88, 58)


def test_a_batch_of_one_equals_a_row_of_many(client: httpx.Client):
    many = [picture(seed=seed) for seed in range(20)]
    together = client.post("/classify", files=parts(*many)).json()["predictions"]
    alone = client.post("/classify", files=parts(many[7])).json()["predictions"]
    assert together[7]["label"] == alone[0]["label"]
    assert together[7]["probability"] == pytest.approx(alone[0]["probability"], abs=1e-6)


def test_models_tells_what_is_served(client: httpx.Client):
    models = {model["model"]: model for model in client.get("/models").json()["models"]}
    classifier = models["fashion-classifier:v1"]
    assert classifier["aliases"] == ["stable"]
    assert len(classifier["sha256"]) == 64
    assert classifier["metrics"] == {"test_accuracy": 0.1}


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/healthz", "/", "/docs.json", "/schema.json", "/metrics"]
)
def test_every_other_route_answers_get_and_head(client: httpx.Client, path: str):
    got = client.get(path)
    assert got.status_code == 200
    assert got.headers["x-request-id"]
    assert client.head(path).status_code == 200


def test_the_clients_request_id_comes_back_if_well_formed(client: httpx.Client):
    assert client.get("/livez", headers={"X-Request-ID": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for crooked in ("a b", "x" * 129, "<script>", ""):
        made = client.get("/livez", headers={"X-Request-ID": crooked}).headers["x-request-id"]
        assert len(made) == 32


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("image/*", "image/png"),
        ("image/png, */*;q=0.8", "image/png"),
        ("application/json, image/png;q=0.9", "application/json"),
        ("text/html, image/avif, */*", "application/json"),
    ],
)
def test_the_accept_header_chooses_between_json_and_a_sheet(
    client: httpx.Client, accept: str, media_type: str
):
    answer = client.post("/generate", json={"count": 1}, headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type


def test_answers_are_plain_json_numbers(client: httpx.Client):
    text = client.post("/reconstruct", files=parts(picture())).text
    assert json.loads(text, parse_constant=pytest.fail)
