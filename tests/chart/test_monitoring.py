"""Alerts and dashboards that lie beside the chart are installed with it, as they are."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.chart.checks import problems
from tests.chart.helm import CHART, of_kind, render

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
    (rule,) = of_kind(objects, "PrometheusRule")
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
    (rules,) = of_kind(objects, "PrometheusRule")
    links = [
        rule["annotations"]["runbook_url"]
        for group in rules["spec"]["groups"]
        for rule in group["rules"]
    ]
    assert links
    assert all(link.startswith(f"{docs}/operations.md#") for link in links)
    boards = [each for each in of_kind(objects, "ConfigMap") if "dashboard" in str(each)]
    text = "".join(str(each["data"]) for each in boards)
    assert text.count(f"{docs}/operations.md#") == text.count("operations.md#") > 0
