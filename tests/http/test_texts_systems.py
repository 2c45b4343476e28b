"""A system of one of the texts answers requests that name it, once it is published and promoted."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from fashion.artifact import open_artifact
from tests.http.conftest import serving
from tests.stores import publish_tiny, store_at
from tests.unit.training.tiny_data import tiny_split
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.store import promote, publish
from training.training_run import TrainRequest, train


def test_generate_answers_from_ms_robot_by_its_name(home: Path, tmp_path_factory):
    recipe = with_overrides(find_recipe("ms-robot"), ["hidden=[8]", "epochs=1"])
    request = TrainRequest(recipe, Machine("cpu", "fp32"), tmp_path_factory.mktemp("runs") / "ms-robot")
    run = train(request, tiny_split(), None, Console(file=StringIO()))
    with store_at(home):
        publish_tiny(home, "v1", seed=1)
        tag = publish(open_artifact(run.artifact))
        promote(tag)
        with serving() as client:
            asked = {"model": "ms-robot", "latents": [[0.5, -1.0]]}
            answer = client.post("/generate", json=asked)
            drawn = client.post("/generate", json={"model": "ms-robot", "count": 2, "seed": 3})

    assert answer.status_code == 200
    assert answer.json()["model"] == tag
    assert len(drawn.json()["samples"]) == 2
    assert all(len(sample["latent"]) == 2 for sample in drawn.json()["samples"])
