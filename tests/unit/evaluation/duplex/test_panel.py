"""The panel over made-up conversations, of which every figure is known."""

import json
from pathlib import Path

import pytest

from duologue.evaluation.duplex.acts import Act
from duologue.evaluation.duplex.figures import FIGURES
from duologue.evaluation.duplex.outcome import Label
from duologue.evaluation.duplex.panel import Panel
from duologue.evaluation.duplex.record import Record, RecordedReply
from duologue.evaluation.duplex.report import write_duplex_report
from duologue.evaluation.duplex.scenario import Line
from duologue.evaluation.duplex.story import tell
from tests.unit.evaluation.duplex.records import QUERY, cut, during, record, reply

PAUSED = Line("one | pause 1500 | two three", does=Act.PAUSE, words_per_minute=60)


def overlap(act: Act, *replies: RecordedReply) -> Record:
    return record((QUERY, 0), (during(act), 6000), *replies)


RECORDS = (
    overlap(Act.INTERRUPTION, cut(1, 4200, 8200), reply(2, 8200)),
    overlap(Act.INTERRUPTION, cut(1, 4200, 7500), reply(2, 8100)),
    overlap(Act.INTERRUPTION, cut(1, 4200, 9000), reply(2, 9000)),
    overlap(Act.INTERRUPTION, reply(1, 4200)),
    overlap(Act.BACKCHANNEL, reply(1, 4200)),
    overlap(Act.VOCAL_TIC, reply(1, 4200)),
    overlap(Act.FOR_OTHERS, reply(1, 4200)),
    overlap(Act.BACKGROUND, cut(1, 4200, 7000)),
    overlap(Act.HOLD, cut(1, 4200, 8100)),
    overlap(Act.HOLD, reply(1, 4200)),
    overlap(Act.BACKCHANNEL, reply(1, 4200, 5000)),
    record((QUERY, 0), reply(1, 2000, 2500, is_taken_back=True), reply(2, 4100)),
    record((QUERY, 0), reply(1, 3000)),
    record((PAUSED, 0), reply(1, 1500, 3500, is_taken_back=True), reply(2, 4700)),
    record((PAUSED, 0), reply(1, 4900)),
)
PANEL = Panel.of(RECORDS)


def test_yielding() -> None:
    assert (PANEL.yield_rate_two_ticks.hits, PANEL.yield_rate_two_ticks.total) == (2, 4)
    assert PANEL.yield_rate_after_end.hits == 3
    assert PANEL.yield_rate.hits == 1
    assert list(PANEL.yield_latency.values) == [1500, 2200, 3000]
    assert list(PANEL.yield_latency_after_end.values) == [-500, 200, 1000]


def test_selectivity_leaves_out_what_missed_the_reply() -> None:
    shares = {name: (each.hits, each.total) for name, each in PANEL.selectivities.items()}
    assert shares == {
        "selectivity_backchannel": (1, 1),
        "selectivity_vocal_tic": (1, 1),
        "selectivity_non_directed": (1, 2),
    }
    assert PANEL.selectivity(Act.FOR_OTHERS).value == 1
    assert PANEL.selectivity(Act.BACKGROUND).value == 0
    assert PANEL.joint_score == 0.5
    assert Panel.of(RECORDS[:4]).joint_score is None
    assert [each.scenario.kind for each in PANEL.not_applicable] == [Act.BACKCHANNEL]


def test_responding() -> None:
    # Of 19 turns, an interruption had no reply. The query of which a part was answered for good is
    # left out here and counts as an interruption of the user.
    assert (PANEL.response_rate.hits, PANEL.response_rate.total) == (17, 18)
    assert PANEL.response_latency.quantile(1.0) == 1000
    assert PANEL.interrupts_user_rate == pytest.approx(1 / 19)
    assert PANEL.interrupts_user_taken_back_rate == pytest.approx(2 / 19)


def test_pauses_and_holds() -> None:
    assert (PANEL.pause_takeovers.hits, PANEL.pause_takeovers.total) == (1, 2)
    assert PANEL.pause_takeovers_stood.hits == 0
    assert (PANEL.hold_rate.hits, PANEL.hold_rate.total) == (1, 2)


def test_labels_and_passing() -> None:
    assert PANEL.labels[Act.INTERRUPTION] == {Label.RESPOND: 3, Label.RESUME: 1}
    assert PANEL.labels[Act.BACKGROUND] == {Label.SILENT: 1}
    assert (PANEL.of_kind(Act.INTERRUPTION).passed.hits, PANEL.passed.total) == (2, 15)


def test_reports_hold_every_figure(tmp_path: Path) -> None:
    write_duplex_report(tmp_path, {"duo": PANEL, "turn": PANEL}, {"forward_ms": 20.0})
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    figures = report["strategies"]["turn"]["figures"]
    assert set(figures) == {figure.name for figure in FIGURES}
    assert figures["yield_rate_two_ticks"]["value"]["hits"] == 2
    assert figures["yield_rate_two_ticks"]["is_met"] is False
    assert figures["selectivity_backchannel"]["is_met"] is True
    assert len(report["strategies"]["duo"]["scenarios"]) == len(RECORDS)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("<figure>") >= 2 * len(RECORDS)
    assert "yield 320" in (tmp_path / "timelines.txt").read_text(encoding="utf-8")


def test_a_story_is_told_in_order() -> None:
    told = tell(RECORDS[0])
    assert "interruption" in told[0]
    times = [float(line.split(" ms")[0]) for line in told[1:] if " ms  " in line]
    assert times == sorted(times)
    assert told[-1].strip() == "interruption: as expected, RESPOND, answered after 200 ms"
