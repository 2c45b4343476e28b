"""Whether a running service answers as the report says: `python -m benchmarks.over_http --url http://HOST:PORT`.

Test pictures go through the endpoints as a client sends them, and what comes back is held against the report
of the version that answers (`make report` writes it). Nothing of the model is read here but its name.
"""

import argparse
import base64
import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashion.errors import DatasetError
from fashion.labels import LABELS
from fashion.sheets import png_bytes
from training.dataset import Dataset, load_test
from training.photographs import load_photographs
from training.senders import split_by_sender

PER_REQUEST: Final = 250
PHOTOGRAPHS_PER_REQUEST: Final = 16
SAMPLES_OF_A_LABEL: Final = 1_000
# Sums of floats in another order, and JSON's decimals.
_ROUNDING: Final = 1e-6
_DEVIATIONS: Final = 3

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Check:
    """One figure as a client finds it, beside the report's."""

    figure: str
    model: str
    """`name:version`, as the answers say."""
    found: float
    error: float
    """Standard error of `found` where it was found on fewer pictures than the report's; else 0."""
    pictures_a_second: float | None = None
    """As one client gets them answered that waits for each request; None where it was not measured."""

    def row(self, reported: float | None) -> tuple[str, bool]:
        """A line to print, and whether the figures agree."""
        if reported is None:
            agree, said = False, "no report of this version tells it: `make report` writes one"
        else:
            agree = abs(self.found - reported) <= _ROUNDING + _DEVIATIONS * self.error
            said = f"{reported:.6f} reported: {'agree' if agree else 'DIFFER'}"
        if self.pictures_a_second is not None:
            said += f", {self.pictures_a_second:,.0f} pictures/s"
        return f"{self.model}  {self.figure}: {self.found:.6f} over HTTP, {said}", agree


def classification(client: httpx.Client, test: Dataset, count: int) -> Check:
    """The share of the first `count` test pictures that `/classify` is right on, to the picture."""
    right: list[bool] = []
    model, seconds = "", 0.0
    for start, images in zip(range(0, count, PER_REQUEST), _batches(test.images[:count]), strict=True):
        files = _as_files(images)
        began = perf_counter()
        answer = _post_files(client, "/classify", files)
        seconds += perf_counter() - began
        model = answer["model"]
        said = [made["class_index"] for made in answer["predictions"]]
        right += (np.array(said) == test.labels[start : start + len(images)]).tolist()
    error = _share_error(right, count < len(test))
    return Check("accuracy", model, float(np.mean(right)), error, len(right) / seconds)


def photographs(client: httpx.Client, _test: Dataset, _count: int) -> Check:
    """The share of the held-out senders' photographs that `/classify` is right on, sent as files."""
    held_out = split_by_sender(load_photographs()).held_out
    right: list[bool] = []
    model = ""
    for start in range(0, len(held_out), PHOTOGRAPHS_PER_REQUEST):
        part = held_out[start : start + PHOTOGRAPHS_PER_REQUEST]
        files = [("images", photograph.path.read_bytes()) for photograph in part]
        answer = client.post("/classify", files=files).raise_for_status().json()
        model = answer["model"]
        right += [
            made["class_index"] in photograph.acceptable_classes
            for made, photograph in zip(answer["predictions"], part, strict=True)
        ]
    return Check("photograph_accuracy", model, float(np.mean(right)), 0.0)


def _share_error(right: list[bool], sampled: bool) -> float:
    """Standard error of a share, 0 where it was taken of everything."""
    share = float(np.mean(right))
    return math.sqrt(share * (1 - share) / len(right)) if sampled else 0.0


def reconstruction(client: httpx.Client, test: Dataset, count: int) -> Check:
    """The mean squared error that `/reconstruct` tells, of the first `count` test pictures."""
    errors: list[float] = []
    model = ""
    for images in _batches(test.images[:count]):
        answer = _post_pictures(client, "/reconstruct", images)
        model = answer["model"]
        errors += [made["mean_squared_error"] for made in answer["reconstructions"]]
    spread = 0.0 if count >= len(test) else float(np.std(errors, ddof=1)) / math.sqrt(len(errors))
    return Check("mean_squared_error", model, float(np.mean(errors)), spread)


def agreement(client: httpx.Client) -> Check:
    """How often `/classify` sees the label that `/generate` was asked for: the report's seeds and counts."""
    shares = []
    model = ""
    for index, label in enumerate(LABELS):
        asked = {"count": SAMPLES_OF_A_LABEL, "label": label, "seed": index}
        answer = client.post("/generate", json=asked).raise_for_status().json()
        model = answer["model"]
        images = np.stack([_pixels(sample["image"]) for sample in answer["samples"]])
        seen = [
            prediction["label"]
            for part in _batches(images)
            for prediction in _post_pictures(client, "/classify", part)["predictions"]
        ]
        shares.append(float(np.mean([label == other for other in seen])))
    return Check("label_agreement", model, float(np.mean(shares)), 0.0)


def reported(folder: Path, check: Check) -> float | None:
    """The figure in the report of the version that answered; None where there is no such report."""
    path = folder / check.model.replace(":", "-") / "report.json"
    if not path.is_file():
        return None
    figures: dict[str, float] = json.loads(path.read_text("utf-8"))["figures"]
    return figures.get(check.figure)


def _batches(images: Images) -> Iterator[Images]:
    return (images[start : start + PER_REQUEST] for start in range(0, len(images), PER_REQUEST))


def _post_pictures(client: httpx.Client, route: str, images: Images) -> dict[str, Any]:
    return _post_files(client, route, _as_files(images))


def _as_files(images: Images) -> list[tuple[str, bytes]]:
    return [("images", png_bytes(image)) for image in images]


def _post_files(client: httpx.Client, route: str, files: list[tuple[str, bytes]]) -> dict[str, Any]:
    answer: dict[str, Any] = client.post(route, files=files).raise_for_status().json()
    return answer


def _pixels(encoded: str) -> Images:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


CHECKS: Final[tuple[Callable[[httpx.Client, Dataset, int], Check], ...]] = (
    classification,
    photographs,
    reconstruction,
    lambda client, _test, _count: agreement(client),
)


def main() -> None:
    """Parse the arguments, print every check, and exit with 1 where one differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.over_http", description=__doc__)
    parser.add_argument("--url", default="http://localhost:3000")
    parser.add_argument("--report", type=Path, default=Path("report"), help="what `make report` wrote")
    parser.add_argument("--pictures", type=int, default=10_000, help="how many test pictures to send")
    parser.add_argument("--data", type=Path, help="folder of the four Fashion-MNIST files")
    arguments = parser.parse_args()
    test = load_test(arguments.data)
    agreed = []
    with httpx.Client(base_url=arguments.url, timeout=120) as client:
        for check in CHECKS:
            try:
                found = check(client, test, arguments.pictures)
            except DatasetError as missing:
                print(f"left out: {missing}", flush=True)
                continue
            line, agrees = found.row(reported(arguments.report, found))
            print(line, flush=True)
            agreed.append(agrees)
    sys.exit(0 if all(agreed) else 1)


if __name__ == "__main__":
    main()
