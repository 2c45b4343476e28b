"""Every Prometheus metric, declared once, and the few calls through which the service counts.

Made at import time: under `bentoml serve` each worker then writes its own files, which /metrics adds up, so
that the counts are exact with any number of workers. Labels are bounded: routes, codes, labels and loaded
versions only.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from fashion.autoencoder import Reconstruction
from fashion.classifier import Prediction
from fashion.inputs import InputKind
from fashion.labels import LABELS
from fashion.preparation import Prepared
from service import metric_files
from service.exchange import CLIENT_CLOSED_REQUEST, Exchange
from service.refusals import Refusal
from service.tally import CounterTally, GaugeTally, HistogramTally, catch_up, later

# Made for the workers of one server, and emptied at its start (BentoML).
MULTIPROCESS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


def multiprocess_folder() -> Path | None:
    """What the workers of one server have in common on disk; None where there is one process alone."""
    folder = os.environ.get(MULTIPROCESS_FOLDER)
    return Path(folder) if folder else None


if (_folder := multiprocess_folder()) and not metric_files.take_room(_folder):
    del os.environ[MULTIPROCESS_FOLDER]

_SECONDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
_SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_ERRORS: Final = (0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0)
_COUNTS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

REQUESTS = CounterTally("fashion_requests", "Requests answered", ("route", "method", "status"))
REQUEST_SECONDS = HistogramTally(
    "fashion_request_seconds", "From headers to answer", ("route",), buckets=_SECONDS
)
REQUESTS_IN_PROGRESS = GaugeTally("fashion_requests_in_progress", "Requests being answered", "livesum")
STAGE_SECONDS = HistogramTally(
    "fashion_stage_seconds", "Time that a request spent in one stage", ("route", "stage"), buckets=_SECONDS
)
REJECTED = CounterTally("fashion_rejected", "Requests refused, by the error's code", ("code",))
KEY_USES = CounterTally("fashion_api_key_uses", "Requests by the name of their API key", ("key",))
IMAGES = CounterTally("fashion_images", "Pictures prepared", ("route", "prepared_as"))
IMAGES_PER_REQUEST = HistogramTally(
    "fashion_images_per_request", "Pictures in one request", ("route",), buckets=_COUNTS
)
PREDICTIONS = CounterTally(
    "fashion_predictions", "Pictures classified, by predicted label", ("model", "label")
)
EARLY_EXITS = CounterTally(
    "fashion_early_exit",
    "Pictures given to a network with an early exit, by whether half of it was sure of them",
    ("model", "sure"),
)
PROBABILITY = HistogramTally("fashion_prediction_probability", "Of the predicted label", buckets=_SHARES)
NOVELTY = HistogramTally("fashion_novelty", "How unlike the training data", buckets=_SHARES)
OUT_OF_DISTRIBUTION = CounterTally("fashion_out_of_distribution", "Pictures past the novelty threshold")
RECONSTRUCTION_ERROR = HistogramTally(
    "fashion_reconstruction_mean_squared_error",
    "Of reconstructed pictures, pixels on [0, 1]",
    buckets=_ERRORS,
)
GENERATED = CounterTally("fashion_generated", "Samples generated, by label", ("label",))
# While a candidate stands beside stable; the rest tells enough where one version answers all.
VERSION_REQUESTS = CounterTally(
    "fashion_version_requests", "Requests while a candidate is on trial", ("model", "route", "status")
)
VERSION_SECONDS = HistogramTally(
    "fashion_version_seconds",
    "From headers to answer, while a candidate is on trial",
    ("model", "route"),
    buckets=_SECONDS,
)
SHADOW_COPIES = CounterTally(
    "fashion_shadow_copies", "Requests copied to the candidate, by what became of the copy", ("outcome",)
)
SHADOW_SECONDS = HistogramTally(
    "fashion_shadow_seconds", "What a candidate takes to infer a copy", ("candidate",), buckets=_SECONDS
)
SHADOW_PREDICTIONS = CounterTally(
    "fashion_shadow_predictions", "Pictures that a candidate classified in copies", ("candidate", "label")
)
AGREEMENT = CounterTally(
    "fashion_candidate_agreement",
    "Pictures classified by both versions, by whether the labels are the same",
    ("stable", "candidate", "agrees"),
)
PROBABILITY_DIFFERENCE = HistogramTally(
    "fashion_candidate_probability_difference",
    "Of stable's label, between the two versions, without its sign",
    ("stable", "candidate"),
    buckets=_SHARES,
)
MODEL_INFO = Gauge(
    "fashion_model_info",
    "1 for every model version that is served",
    ["name", "version", "alias", "sha256"],
    multiprocess_mode="livemax",
)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_serving: Final[set[tuple[str, str, str, str]]] = set()


def answered(exchange: Exchange, method: str) -> None:
    """Count a finished request, with the time that it took and where it went."""
    seconds = perf_counter() - exchange.started
    if exchange.marked and not exchange.refusal and exchange.status != CLIENT_CLOSED_REQUEST:
        exchange.mark("respond", exchange.marked)
    later(
        _count_answered,
        exchange.route.path,
        method,
        exchange.status,
        seconds,
        list(exchange.stages.items()),
        exchange.model if exchange.on_trial else None,
        exchange.refusal.code if exchange.refusal else None,
    )
    catch_up()


def _count_answered(
    route: str,
    method: str,
    status: int,
    seconds: float,
    stages: list[tuple[str, float]],
    model_on_trial: str | None,
    refused: str | None,
) -> None:
    status_code = str(int(status))
    REQUESTS.inc(route, method if method in _METHODS else "other", status_code)
    REQUEST_SECONDS.observe(seconds, route)
    if model_on_trial is not None:
        VERSION_REQUESTS.inc(model_on_trial, route, status_code)
        VERSION_SECONDS.observe(seconds, model_on_trial, route)
    if refused:
        REJECTED.inc(refused)
    for stage, spent in stages:
        STAGE_SECONDS.observe(spent, route, stage)


def refused(route: str, refusal: Refusal) -> None:
    """Count what was refused before it was a request."""
    REQUESTS.inc(route, "other", str(int(refusal.status)))
    REJECTED.inc(refusal.code)


def prepared(exchange: Exchange, pictures: Sequence[Prepared]) -> None:
    """Count the pictures of one request, and note them for what else is told of it."""
    kinds = [picture.kind for picture in pictures]
    exchange.num_pictures = len(kinds)
    exchange.prepared_as = kinds[0] if kinds.count(kinds[0]) == len(kinds) else "mixed"
    later(_count_prepared, exchange.route.path, kinds)


def _count_prepared(route: str, kinds: list[InputKind]) -> None:
    IMAGES_PER_REQUEST.observe(len(kinds), route)
    for kind in set(kinds):
        IMAGES.inc(route, kind, amount=kinds.count(kind))


def classified(model: str, predictions: Sequence[Prediction]) -> None:
    """Count what was predicted."""
    later(_count_classified, model, predictions)


def _count_classified(model: str, predictions: Sequence[Prediction]) -> None:
    labels = [made.class_index for made in predictions]
    for index in set(labels):
        PREDICTIONS.inc(model, LABELS[index], amount=labels.count(index))
    early = [made.left_early for made in predictions]
    for sure, name in ((True, "true"), (False, "false")):
        if count := early.count(sure):
            EARLY_EXITS.inc(model, name, amount=count)
    PROBABILITY.observe_all([made.probability for made in predictions])
    NOVELTY.observe_all([made.novelty for made in predictions if made.novelty is not None])
    if strange := [made.in_distribution for made in predictions].count(False):
        OUT_OF_DISTRIBUTION.inc(amount=strange)


def shadowed(
    stable: str,
    candidate: str,
    predictions: Sequence[Prediction],
    others: Sequence[Prediction],
    seconds: float,
) -> None:
    """Count how a candidate's predictions of the same pictures compare with stable's."""
    SHADOW_SECONDS.observe(seconds, candidate)
    for ours, theirs in zip(predictions, others, strict=True):
        SHADOW_PREDICTIONS.inc(candidate, LABELS[theirs.class_index])
        agrees = "true" if ours.class_index == theirs.class_index else "false"
        AGREEMENT.inc(stable, candidate, agrees)
        difference = abs(ours.probability - theirs.by_label[ours.class_index])
        PROBABILITY_DIFFERENCE.observe(difference, stable, candidate)


def reconstructed(reconstruction: Reconstruction) -> None:
    """Note how much reconstructions lost."""
    for error in reconstruction.mean_squared_error.tolist():
        RECONSTRUCTION_ERROR.observe(error)


def generated(labels: Sequence[str | None]) -> None:
    """Count generated samples."""
    for label in labels:
        GENERATED.inc(label or "none")


def serving(models: Iterable[tuple[str, str, str, str]]) -> None:
    """Tell which models are served, each as (name, version, alias, sha256)."""
    now = set(models)
    for gone in _serving - now:
        MODEL_INFO.labels(*gone).set(0)
    for model in now:
        MODEL_INFO.labels(*model).set(1)
    _serving.clear()
    _serving.update(now)


def exposition() -> bytes:
    """All metrics in Prometheus' text format, those of every worker added up as of its last flush."""
    folder = multiprocess_folder()
    if folder is None:
        return generate_latest(_WithoutFormerModels(REGISTRY))
    with metric_files.locked(folder):
        metric_files.add_up_the_dead(folder)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(_WithoutFormerModels(registry))


class _WithoutFormerModels:
    """The metrics, less the models that are not served any more: a file of metrics can be zeroed but not
    cut."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """All metrics, for `generate_latest`."""
        for metric in self._registry.collect():
            if metric.name == "fashion_model_info":
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric
