"""FastAPI and eager torch, a synchronous endpoint with uploads: what most people write.

One torch thread a worker, as PyTorch advises where several processes share the cores.
"""

from typing import Any

import torch
from fastapi import FastAPI, UploadFile

from benchmarks.apps import answering
from benchmarks.apps.eager import EagerArtifact
from fashion.classifier import Classifier

torch.set_num_threads(1)

app = FastAPI()
_RELEASED = answering.released(answering.CLASSIFIER_VARIABLE)
_CLASSIFIER = Classifier(EagerArtifact(_RELEASED.folder, _RELEASED.manifest, _RELEASED.sha256))


@app.post("/classify")
def classify(images: list[UploadFile]) -> dict[str, Any]:
    """Pictures, uploaded as a form's files."""
    return answering.classify(_CLASSIFIER, [image.file.read() for image in images])
