"""What docker/ watches exists: panels and alerts ask for metrics and labels that the service has, and all."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from service import metrics

DOCKER = Path(__file__).resolve().parents[2] / "docker"
# What Prometheus makes of one metric: a histogram has three series.
SERIES = re.compile(r"\b(fashion_\w+?)(?:_bucket|_sum|_count)?\b(?=[\[{)\s]|$)")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
SELECTED = re.compile(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)")


def expressions() -> Iterator[str]:
    """Every PromQL expression of the dashboard and the alerts."""
    dashboard = json.loads((DOCKER / "grafana/dashboards/fashion.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    for group in yaml.safe_load((DOCKER / "prometheus/alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def declared() -> dict[str, set[str]]:
    """The labels of every metric of the service, by the name that Prometheus sees."""
    named = [getattr(value, "metric", value) for value in vars(metrics).values()]
    made = [metric for metric in named if isinstance(metric, Counter | Gauge | Histogram)]
    return {
        family.name + ("_total" if isinstance(metric, Counter) else ""): set(metric._labelnames)
        for metric in made
        for family in metric.describe()
    }


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_an_expression_asks_for_metrics_and_labels_that_the_service_has(expression):
    labels_by_metric = declared()
    metrics_named = set(SERIES.findall(expression))
    assert metrics_named <= labels_by_metric.keys()
    labels = {label.strip() for group in GROUPED.findall(expression) for label in group.split(",")}
    labels |= set(SELECTED.findall(expression))
    allowed = {"le", "job"}.union(*(labels_by_metric[name] for name in metrics_named))
    assert labels <= allowed


def test_every_metric_of_the_service_is_on_the_dashboard():
    shown = {name for expression in expressions() for name in SERIES.findall(expression)}
    assert declared().keys() - shown == set()


def test_compose_starts_the_service_locked_down():
    service = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["service"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
