"""Alerts and dashboards that lie beside the chart are installed with it, as they are."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.checks import problems
from tests.chart.helm import CHART, named, of_kind, render
from tests.telemetry_rules.alerts import problems_of
from tests.telemetry_rules.installation import Installation
from tests.telemetry_rules.known_metrics import known_metrics

ON = {"monitoring": {"monitors": True, "rules": True, "dashboards": True, "labels": {"a": "b"}}}
RULES = {
    "groups": [
        {
            "name": "duologue",
            "rules": [
                {
                    "alert": "Crowded",
                    "expr": "sum(duologue_queue_depth) > 0",
                    "for": "5m",
                    "labels": {"severity": "warning"},
                    "annotations": {"summary": "{{ $value }} wait at {{ $labels.pod }}"},
                }
            ],
        }
    ]
}
DASHBOARD = {"title": "{{pod}}", "panels": [{"expr": "rate(duologue_ticks_total[5m])"}]}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """The chart, with one file of alerts and one dashboard."""
    copy = tmp_path / "duologue"
    shutil.copytree(CHART, copy, ignore=shutil.ignore_patterns("alerts", "dashboards"))
    for name, text in (
        ("alerts/crowd.yaml", yaml.safe_dump(RULES)),
        ("dashboards/one.json", json.dumps(DASHBOARD)),
    ):
        (copy / name).parent.mkdir()
        (copy / name).write_text(text, encoding="utf-8")
    return copy


def test_they_are_installed_as_they_are(chart: Path) -> None:
    objects = render(ON, chart=chart)
    rule = named(objects, "PrometheusRule", "duo-duologue-crowd")
    assert rule["spec"] == RULES
    assert rule["metadata"]["labels"]["a"] == "b"
    dashboards = [
        each
        for each in of_kind(objects, "ConfigMap")
        if each["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]
    assert [json.loads(each["data"]["one.json"]) for each in dashboards] == [DASHBOARD]
    assert problems(objects) == []


def test_they_are_not_there_unless_asked_for(chart: Path) -> None:
    assert of_kind(render(chart=chart), "PrometheusRule", "ServiceMonitor", "PodMonitor") == []


def test_a_chart_without_any_is_one() -> None:
    objects = render(ON)
    assert len(of_kind(objects, "ServiceMonitor", "PodMonitor")) == 3


@pytest.mark.parametrize("file", ["alerts/crowd.yaml", "dashboards/one.json"])
def test_a_metric_that_does_not_exist_is_found(file: str, chart: Path) -> None:
    path = chart / file
    text = path.read_text(encoding="utf-8").replace("duologue_", "duologue_no_")
    path.write_text(text, encoding="utf-8")
    assert any("no metric duologue_no_" in each for each in problems(render(ON, chart=chart)))


def test_a_misspelt_field_of_a_rule_is_found(chart: Path) -> None:
    path = chart / "alerts" / "crowd.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("for:", "fro:"), encoding="utf-8")
    assert any("fro" in each for each in problems(render(ON, chart=chart)))


def test_links_lead_to_where_the_docs_can_be_read() -> None:
    docs = "https://example.org/docs"
    objects = render(ON, {"monitoring": {"docs": docs}})
    links = [rule["annotations"]["runbook_url"] for rule in _rules(docs=docs)]
    assert links
    assert all(link.startswith(f"{docs}/operations.md#") for link in links)
    boards = [each for each in of_kind(objects, "ConfigMap") if "dashboard" in str(each)]
    text = "".join(str(each["data"]) for each in boards)
    assert text.count(f"{docs}/operations.md#") == text.count("operations.md#") > 0


def _rules(**monitoring: str) -> Iterator[Any]:
    """Those that are installed with two models."""
    models = [{"name": "one"}, {"name": "two"}]
    for each in of_kind(render(ON, {"models": models, "monitoring": monitoring}), "PrometheusRule"):
        for group in each["spec"]["groups"]:
            yield from group["rules"]


def _firing(installation: Installation) -> set[str]:
    scrapes = installation.scrapes()
    return {rule["alert"] for rule in _rules() if scrapes.value(rule["expr"])}


def test_what_the_chart_adds_to_the_alerts_is_right() -> None:
    assert [problem for rule in _rules() for problem in problems_of(rule, known_metrics())] == []
    assert sum(rule["alert"] == "DuologueModelUnserved" for rule in _rules()) == 3


def test_none_fires_when_all_is_well_in_the_namespace() -> None:
    assert _firing(Installation()) == set()


def test_what_runs_in_another_namespace_does_not_hide_that_nothing_runs_in_this_one() -> None:
    # Several installations may share a Prometheus, and what absent() finds has no namespace.
    assert _firing(Installation("elsewhere")) == {
        "DuologueGatewaysAbsent",
        "DuologueNoHealthyBatcher",
        "DuologueModelUnserved",
    }


@pytest.mark.parametrize(
    ("num_lost", "fires"),
    [(1, set()), (2, {"DuologueModelUnserved"})],
    ids=["one of two", "both of a model"],
)
def test_a_model_that_nobody_serves_any_more_is_told(num_lost: int, fires: set[str]) -> None:
    installation = Installation()
    del installation.batchers[-num_lost:]
    assert _firing(installation) == fires
