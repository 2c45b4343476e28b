"""FastAPI and eager torch, a synchronous endpoint with an upload: what most people write.

The network's weights are read back out of the released graph, so that the same model answers.
"""

from typing import Any

import numpy as np
import onnx
import torch
from fastapi import FastAPI, UploadFile
from onnx import numpy_helper

from benchmarks.apps.answering import as_json, load_classifier
from fashion.decoding import decode
from fashion.preparation import WORKING_SIDE, prepare
from training.networks.classifiers import ResidualClassifier, ResidualSettings, folded

app = FastAPI()
_CLASSIFIER = load_classifier()


def _eager_network() -> torch.nn.Module:
    artifact = _CLASSIFIER.artifact
    settings = artifact.manifest.recipe.settings["system"]["network"]
    network = folded(ResidualClassifier(ResidualSettings(**settings)))
    graph = onnx.load(artifact.folder / artifact.manifest.graphs["classifier"].file).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    network.load_state_dict(
        {name: torch.from_numpy(np.array(weights[_in_graph(name, weights)])) for name in network.state_dict()}
    )
    return network


def _in_graph(name: str, weights: dict[str, Any]) -> str:
    (found,) = [known for known in weights if known.endswith(name)]
    return found


_NETWORK = _eager_network()


@app.post("/classify")
def classify(image: UploadFile) -> dict[str, Any]:
    """One picture, uploaded as a form's file."""
    picture = prepare(decode(image.file.read(), target_side=WORKING_SIDE))
    with torch.no_grad():
        made = _NETWORK(torch.from_numpy(picture.network_input[None].copy()).float() / 255)
    (prediction,) = _CLASSIFIER.predictions(made.logits.numpy(), made.features.numpy(), picture.kind)
    return {"model": _CLASSIFIER.artifact.manifest.name, "predictions": [as_json(prediction)]}
