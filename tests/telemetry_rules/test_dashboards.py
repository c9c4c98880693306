"""Dashboards are what their code makes, and show what exists."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from helm.dashboards.__main__ import DASHBOARDS, FOLDER, text_of
from tests.telemetry_rules.alerts import GUIDE, anchors
from tests.telemetry_rules.grafana import problems_of
from tests.telemetry_rules.known_metrics import known_metrics

KNOWN = known_metrics()
ANCHORS = anchors(GUIDE)


def test_the_chart_has_what_the_code_makes() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    made = {name: text_of(dashboard) for name, dashboard in DASHBOARDS.items()}
    assert kept == made, "run `make dashboards`"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_right(name: str) -> None:
    dashboard = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    assert list(problems_of(dashboard, KNOWN, ANCHORS)) == []
    asked = [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert any(target["exemplar"] for target in asked)


def test_each_dashboard_has_a_name_of_its_own() -> None:
    assert len({dashboard.uid for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


def test_every_metric_is_shown() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.iterdir()]
    shown = "".join(texts)
    stems = {
        name.removesuffix("_bucket") for name in KNOWN if not name.endswith(("_sum", "_count"))
    }
    assert sorted(stem for stem in stems if stem not in shown) == []


def _panel(dashboard: dict[str, Any]) -> Any:
    return next(panel for panel in dashboard["panels"] if panel["type"] != "row")


def _set_expr(dashboard: dict[str, Any]) -> None:
    target = _panel(dashboard)["targets"][0]
    target["expr"] = target["expr"].replace("first_token", "first_tokens")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_set_expr, "no such metric"),
        (lambda d: _panel(d).update(description=""), "no description"),
        (lambda d: _panel(d)["fieldConfig"]["defaults"].pop("unit"), "no unit"),
        (lambda d: _panel(d).update(id=1), "share an id"),
        (lambda d: _panel(d)["gridPos"].update(x=8), "upon another panel"),
        (lambda d: _panel(d)["gridPos"].update(x=20), "too far to the right"),
        (lambda d: _panel(d)["targets"][0].update(legendFormat="{{model}}"), "the legend names"),
        (lambda d: _panel(d)["links"][0].update(url="docs/operations.md#gone"), "leads nowhere"),
        (lambda d: d["templating"]["list"].pop(), "used and declared differ"),
        (
            lambda d: d["templating"]["list"][1].update(definition="label_values(gone, pod)"),
            "no values of a label",
        ),
    ],
)
def test_a_mistake_is_found(spoil: Callable[[dict[str, Any]], object], words: str) -> None:
    dashboard = deepcopy(DASHBOARDS["service.json"].to_json())
    assert list(problems_of(dashboard, KNOWN, ANCHORS)) == []
    spoil(dashboard)
    assert words in " ".join(problems_of(dashboard, KNOWN, ANCHORS))
