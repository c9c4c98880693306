"""Alerts look at what exists, say what is the matter, and lead to what to do."""

import re
from collections import Counter

import pytest

from tests.telemetry_rules.alerts import GUIDE, RULES, Rule, anchors, problems_of, read_rules
from tests.telemetry_rules.known_metrics import known_metrics

KNOWN = known_metrics()
TEXT = RULES.read_text(encoding="utf-8")
EVERY = read_rules(TEXT)


def found_in(text: str) -> str:
    return " ".join(problem for rule in read_rules(text) for problem in problems_of(rule, KNOWN))


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: str(rule["alert"]))
def test_a_rule_is_right(rule: Rule) -> None:
    assert list(problems_of(rule, KNOWN)) == []


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: str(rule["alert"]))
def test_a_rule_has_an_entry_in_the_guide(rule: Rule) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    assert rule["alert"].lower() in anchors(GUIDE)
    entry = guide.partition(f"### {rule['alert']}\n")[2].partition("\n### ")[0]
    for part in ("**Means**", "**Look at**", "**Do**"):
        assert part in entry, f"the entry of {rule['alert']} lacks {part}"


def test_no_two_rules_have_one_name() -> None:
    assert max(Counter(rule["alert"] for rule in EVERY).values()) == 1


def test_the_guide_has_no_entry_without_a_rule() -> None:
    headings = re.findall(r"^### (Duologue\w+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [rule["alert"] for rule in EVERY]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("duologue_queue_depth", "duologue_queue_length", "duologue_queue_length: no such metric"),
        ('{kind="new"}', '{sort="new"}', "no label sort"),
        ('{kind="new"}', '{kind="fresh"}', "kind is never fresh"),
        ("rate(duologue_ticks_total[5m])", "duologue_ticks_total", "a counter without a rate"),
        ("severity: critical", "severity: loud", "no severity"),
        ("for: 2m", "for: 2 minutes", "no duration"),
        ("summary: Sessions wait for room", "title: Sessions wait for room", "annotations must be"),
        ("$labels.reason", "$labels.tenant", "has no label tenant"),
        ("{{ $labels.reason }}", "{{ .Values.reason }}", "is not filled in"),
        ("#duologuesessionswait", "#duologuesessionwaits", "runbook_url must be"),
    ],
)
def test_a_mistake_is_found(before: str, after: str, words: str) -> None:
    assert before in TEXT
    assert found_in(TEXT) == ""
    assert words in found_in(TEXT.replace(before, after))
