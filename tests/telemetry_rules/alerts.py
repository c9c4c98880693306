"""The alert rules that the chart installs, and what is wrong with them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.telemetry_rules.known_metrics import Known
from tests.telemetry_rules.promql import read

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "helm" / "duologue" / "alerts" / "duologue.yaml"
GUIDE = ROOT / "docs" / "operations.md"
RUNBOOK = "docs/operations.md#"

_SEVERITIES = {"warning", "critical"}
_ANNOTATIONS = {"summary", "description", "runbook_url"}
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}")
_PROMETHEUS_WORDS = re.compile(
    r" \$(value|labels\.\w+)( \| humanize(Duration|Percentage)?)? "  # what rules here make use of
)
_LABEL = re.compile(r"\$labels\.(\w+)")
_DURATION = re.compile(r"\d+[smh]")

Rule = Mapping[str, Any]


def read_rules(text: str) -> list[Rule]:
    """All rules of all groups."""
    groups = yaml.safe_load(text)["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    return [rule for group in groups for rule in group["rules"]]


def anchors(page: Path) -> set[str]:
    """Where links into a page may lead, as code hosts make anchors of headings."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def problems_of(rule: Rule, known: Mapping[str, Known]) -> Iterator[str]:
    """What is wrong with a rule, but for its runbook's entry."""
    labels, problems = read(rule["expr"], known)
    yield from problems
    if not re.fullmatch(r"Duologue[A-Z][A-Za-z]+", rule["alert"]):
        yield f"{rule['alert']}: no name of an alert of ours"
    if rule["labels"].get("severity") not in _SEVERITIES:
        yield f"{rule['alert']}: no severity of ours"
    if not _DURATION.fullmatch(rule.get("for", "0m")):
        yield f"{rule['alert']}: no duration: {rule['for']}"
    if set(rule["annotations"]) != _ANNOTATIONS:
        yield f"{rule['alert']}: annotations must be {', '.join(sorted(_ANNOTATIONS))}"
    for text in rule["annotations"].values():
        for template in _TEMPLATE.findall(text):
            if not _PROMETHEUS_WORDS.fullmatch(template):
                yield f"{rule['alert']}: {template} is not filled in"
            for label in set(_LABEL.findall(template)) - labels:
                yield f"{rule['alert']}: what it finds has no label {label}"
    if rule["annotations"].get("runbook_url") != f"{RUNBOOK}{rule['alert'].lower()}":
        yield f"{rule['alert']}: runbook_url must be {RUNBOOK}{rule['alert'].lower()}"
