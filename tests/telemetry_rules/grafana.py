"""Whether a dashboard is whole: what Grafana takes silently and shows as an empty panel."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.telemetry_rules.alerts import RUNBOOK
from tests.telemetry_rules.known_metrics import Known
from tests.telemetry_rules.promql import read

Json = Mapping[str, Any]

_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
_USED = re.compile(r"\$\{?(\w+)")
_BUILT_IN = {"__rate_interval", "__all"}
_WIDTH = 24


def problems_of(dashboard: Json, known: Mapping[str, Known], anchors: set[str]) -> Iterator[str]:
    """What is wrong with it; `anchors` are those of the operators' guide."""
    variables = dashboard["templating"]["list"]
    declared = {variable["name"] for variable in variables}
    used = set(_USED.findall(str(dashboard))) - _BUILT_IN
    if used != declared:
        yield f"variables that are used and declared differ: {sorted(used ^ declared)}"
    for variable in variables:
        if variable["type"] == "query":
            yield from _in_variable(variable, known)
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(set(ids)) != len(ids):
        yield f"panels share an id: {ids}"
    yield from _overlaps(dashboard["panels"])
    for link in dashboard["links"]:
        yield from _in_link(link, anchors)
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield from _in_panel(panel, known, anchors)


def _in_panel(panel: Json, known: Mapping[str, Known], anchors: set[str]) -> Iterator[str]:
    name = panel.get("title") or f"panel {panel['id']}"
    if not panel.get("title") or not panel.get("description"):
        yield f"{name}: no title, or no description"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield f"{name}: no unit"
    if not panel["targets"] or not panel["links"]:
        yield f"{name}: no query, or no link"
    for link in panel["links"]:
        yield from _in_link(link, anchors)
    refs = [target["refId"] for target in panel["targets"]]
    if len(set(refs)) != len(refs):
        yield f"{name}: queries share a name"
    for target in panel["targets"]:
        labels, problems = read(target["expr"], known)
        yield from (f"{name}: {problem}" for problem in problems)
        for label in set(_LEGEND.findall(target["legendFormat"])) - labels:
            yield f"{name}: the legend names {label}, which its lines do not have"
        if target["exemplar"] and "_bucket" not in target["expr"]:
            yield f"{name}: exemplars are asked for where there are none"


def _in_variable(variable: Json, known: Mapping[str, Known]) -> Iterator[str]:
    asked = _LABEL_VALUES.fullmatch(variable["definition"])
    if asked is None or variable["query"]["query"] != variable["definition"]:
        yield f"{variable['name']}: no values of a label"
        return
    labels, problems = read(asked[1], known)
    yield from problems
    if asked[2] not in labels:
        yield f"{variable['name']}: no label {asked[2]}"


def _in_link(link: Json, anchors: set[str]) -> Iterator[str]:
    url = str(link["url"])
    if not url.startswith(RUNBOOK) or url.removeprefix(RUNBOOK) not in anchors:
        yield f"{url} leads nowhere"


def _overlaps(panels: list[Json]) -> Iterator[str]:
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        columns, rows = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        if columns.stop > _WIDTH:
            yield f"{panel['title']}: too far to the right"
        cells = {(x, y) for x in columns for y in rows}
        if cells & taken:
            yield f"{panel['title']}: upon another panel"
        taken |= cells
