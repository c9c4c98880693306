"""Panels, rows and dashboards, and how Grafana writes them down."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

DOCS = "docs/operations.md"
"""Where panels and alerts send their readers. The chart puts a base before it that leads there."""

_PANEL_WIDTH, _PANEL_HEIGHT, _DASHBOARD_WIDTH = 8, 8, 24
_SCHEMA_VERSION = 39
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression, and what its lines are called."""

    expr: str
    legend: str
    has_exemplars: bool = False

    def to_json(self, ref_id: str) -> Json:
        return {
            "datasource": _DATASOURCE,
            "editorMode": "code",
            "exemplar": self.has_exemplars,
            "expr": self.expr,
            "legendFormat": self.legend,
            "range": True,
            "refId": ref_id,
        }


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over time."""

    title: str
    description: str
    """What is shown, and what a bad value looks like."""
    unit: str
    """By Grafana's name of it."""
    queries: tuple[Query, ...]
    anchor: str
    """The heading of the operators' guide that says more."""
    is_stacked: bool = False
    min_value: float | None = 0
    max_value: float | None = None

    def to_json(self, panel_id: int, x: int, y: int) -> Json:
        custom = {
            "fillOpacity": 15,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.is_stacked else "none"},
        }
        defaults: Json = {"unit": self.unit, "custom": custom}
        bounds = {"min": self.min_value, "max": self.max_value}
        defaults |= {name: value for name, value in bounds.items() if value is not None}
        return {
            "id": panel_id,
            "type": "timeseries",
            "title": self.title,
            "description": self.description,
            "datasource": _DATASOURCE,
            "gridPos": {"h": _PANEL_HEIGHT, "w": _PANEL_WIDTH, "x": x, "y": y},
            "links": [_link("What to do", self.anchor)],
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                "tooltip": {"mode": "multi", "sort": "desc"},
            },
            "targets": [
                query.to_json(chr(ord("A") + place)) for place, query in enumerate(self.queries)
            ],
        }


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """What a reader may choose: values of a label, several or all of them."""

    name: str
    label: str
    values: str
    """`label_values(...)` that gives them."""
    is_narrowed: bool = False
    """Whether its values depend on other variables: then all are those that are listed, and
    otherwise all are any, also of targets that do not have the label."""

    def to_json(self) -> Json:
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": _DATASOURCE,
            "definition": self.values,
            "query": {"query": self.values, "refId": f"variable-{self.name}"},
            "refresh": 2,
            "includeAll": True,
            "allValue": None if self.is_narrowed else ".*",
            "multi": True,
            "sort": 1,
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            "options": [],
        }


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything of one page."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = field(default=())

    def to_json(self) -> Json:
        """As Grafana imports it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["duologue"],
            "schemaVersion": _SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "",
            "templating": {"list": [_datasource(), *(each.to_json() for each in self.variables)]},
            "annotations": {"list": []},
            "links": [_link("Operations", "traces-and-metrics")],
            "panels": list(_placed(self.rows)),
        }


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    """Each row's heading, and its panels from left to right."""
    panel_id, y = 0, 0
    for row in rows:
        panel_id += 1
        yield {
            "id": panel_id,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"h": 1, "w": _DASHBOARD_WIDTH, "x": 0, "y": y},
            "panels": [],
        }
        y += 1
        for place, panel in enumerate(row.panels):
            panel_id += 1
            x = place * _PANEL_WIDTH % _DASHBOARD_WIDTH
            if place and not x:
                y += _PANEL_HEIGHT
            yield panel.to_json(panel_id, x, y)
        y += _PANEL_HEIGHT


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "current": {},
        "options": [],
    }


def _link(title: str, anchor: str) -> Json:
    return {"title": title, "type": "link", "url": f"{DOCS}#{anchor}", "targetBlank": True}
