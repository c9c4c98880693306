"""The check of expressions finds what is wrong, and passes what is right."""

import pytest

from tests.telemetry_rules.known_metrics import Kind, known_metrics
from tests.telemetry_rules.promql import problems_of, read

KNOWN = known_metrics()
FIRST = "duologue_time_to_first_token_seconds"
SEATS, LIMIT = "duologue_seated_sessions", "duologue_seats_limit"
TARGET = {"namespace", "pod", "job", "instance"}


def test_the_metrics_are_known_as_they_are_scraped() -> None:
    assert KNOWN["duologue_events_total"].kind is Kind.COUNTER
    assert KNOWN["duologue_events_total"].labels == {"direction"}
    assert KNOWN[f"{FIRST}_bucket"].labels == {"le"}
    assert "version" in KNOWN["duologue_build_info"].labels
    assert "duologue_events" not in KNOWN


@pytest.mark.parametrize(
    ("expr", "labels"),
    [
        (SEATS, TARGET),
        (f"sum by (instance) ({SEATS}) / on (instance) {LIMIT} > 0.9", {"instance"}),
        ("rate(duologue_tokens_total[5m])", {"direction", *TARGET}),
        (f"histogram_quantile(0.9, sum by (pod, le) (rate({FIRST}_bucket[1m])))", {"pod"}),
        (f"rate({FIRST}_sum[5m]) / rate({FIRST}_count[5m])", TARGET),
        ("absent(duologue_healthy == 1)", set()),
        (f"topk(3, sum by (pod) ({SEATS}))", {"pod"}),
        (f"sum without (pod, job, instance) ({SEATS})", {"namespace"}),
        (f"min ({SEATS}) or vector(0)", set()),
        (f"avg_over_time({SEATS}[$__rate_interval])", TARGET),
        (
            "duologue_healthy * on (instance) group_left (model) duologue_build_info",
            {"model", *TARGET},
        ),
        ('sum by (state) (duologue_nodes{state=~"open|full", namespace=~"$namespace"})', {"state"}),
    ],
)
def test_what_is_right_passes(expr: str, labels: set[str]) -> None:
    assert read(expr, KNOWN) == (frozenset(labels), [])


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ("duologue_seated", "no such metric"),
        ("rate(duologue_events[5m])", "no such metric"),
        (f"sum({SEATS}", "unclosed left parenthesis"),
        ('duologue_events_total{way="in"}', "no label way"),
        ('rate(duologue_events_total{direction="inn"}[5m])', "direction is never inn"),
        ('duologue_nodes{state=~"open|shut"}', "state is never shut"),
        ("duologue_events_total > 5", "a counter without a rate"),
        ("sum(duologue_events_total)", "a counter without a rate"),
        (f"rate({SEATS}[5m])", "rate of a gauge"),
        ("max_over_time(duologue_events_total[5m])", "of a counter"),
        (f"{FIRST}_bucket", "a bucket without a rate"),
        (f"rate({FIRST}_bucket[5m])", "buckets without a quantile"),
        (f"histogram_quantile(0.9, sum by (pod) (rate({FIRST}_bucket[5m])))", "no buckets by le"),
        (f"histogram_quantile(0.9, sum by (le) ({FIRST}_bucket))", "a bucket without a rate"),
        (f"histogram_quantile(0.9, {SEATS})", "no buckets by le"),
        (f"sum by (tenant) ({SEATS})", "nothing in it has a label tenant"),
        (f"sum by (instance) ({SEATS}) / {LIMIT}", "the sides never match"),
        (f"{SEATS} / on (model) {LIMIT}", "not both sides have a label model"),
        (f"{SEATS} * on (pod) group_left (model) {LIMIT}", "the right side has no label model"),
        (f"sum by (pod) ({SEATS}) and sum ({LIMIT})", "the sides never match"),
        (f"quantile_over_time(0.5, {SEATS}[5m:1m])", "no kind of expression that is checked"),
    ],
)
def test_what_is_wrong_is_found(expr: str, words: str) -> None:
    assert words in " ".join(problems_of(expr, KNOWN))
