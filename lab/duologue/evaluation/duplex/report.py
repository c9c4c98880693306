"""The report on duplex behaviour: JSON, timelines as text, and a page."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from duologue.evaluation.duplex.acts import Act
from duologue.evaluation.duplex.figures import FIGURES
from duologue.evaluation.duplex.latency_plot import latency_plot
from duologue.evaluation.duplex.outcome import Label, LineOutcome, outcomes
from duologue.evaluation.duplex.panel import Panel
from duologue.evaluation.duplex.record import Record, ReplySilence
from duologue.evaluation.duplex.story import picture, tell
from duologue.evaluation.page import ReportPage, Verdict
from duologue.evaluation.report import show_facts, write_report

STORIES_FILE = "timelines.txt"
Panels = Mapping[str, Panel]
Facts = Mapping[str, Any]
"""What was measured, and how: `run_facts` and more."""


def write_duplex_report(folder: Path, panels: Panels, facts: Facts) -> None:
    """Write `report.json`, `timelines.txt` and `index.html` into an existing folder."""
    strategies = {name: _panel_json(panel) for name, panel in panels.items()}
    write_report(folder, {"run": facts, "strategies": strategies}, duplex_page(panels, facts))
    stories = ("\n".join(tell(r)) + "\n" for panel in panels.values() for r in panel.records)
    (folder / STORIES_FILE).write_text("\n".join(stories), encoding="utf-8")


def _panel_json(panel: Panel) -> dict[str, Any]:
    return {
        "figures": {figure.name: figure.to_json(panel) for figure in FIGURES},
        "passed_by_kind": {str(kind): panel.of_kind(kind).passed.to_json() for kind in Act},
        "labels": {
            str(act): {str(label): number for label, number in counted.items()}
            for act, counted in panel.labels.items()
        },
        "not_applicable": {r.scenario.name: _reason(r) for r in panel.not_applicable},
        "scenarios": [_record_json(record) for record in panel.records],
    }


def _record_json(record: Record) -> dict[str, Any]:
    return {
        "name": record.scenario.name,
        "kind": str(record.scenario.kind),
        "unsaid": record.unsaid,
        "errors": record.errors,
        "forwards": record.num_forwards,
        "slices": record.num_slices,
        "discarded_tokens": record.num_discarded_tokens,
        "lines": [_line_json(outcome) for outcome in outcomes(record)],
        "replies": [
            {
                "number": reply.number,
                "started_ms": round(reply.started_ms),
                "ended_ms": None if reply.ended_ms is None else round(reply.ended_ms),
                "end": reply.end and str(reply.end),
                "is_taken_back": reply.is_taken_back,
                "silences_ms": [_silence_json(silence) for silence in reply.silences],
                "told_heard_chars": reply.told_heard_chars,
                "played_chars": reply.played_chars,
                "text": reply.text,
            }
            for reply in record.replies
        ],
    }


def _silence_json(silence: ReplySilence) -> list[int | None]:
    """From when until when; None: it never went on."""
    return [round(silence.begin_ms), None if silence.end_ms is None else round(silence.end_ms)]


def _line_json(outcome: LineOutcome) -> dict[str, Any]:
    spoken, latency_ms, cut_ms = outcome.spoken, outcome.response_latency_ms, outcome.cut_ms
    return {
        "act": str(outcome.act),
        "say": spoken.line.say,
        "start_ms": round(spoken.start_ms),
        "end_ms": round(spoken.end_ms),
        "response_latency_ms": None if latency_ms is None else round(latency_ms),
        "cut_ms": None if cut_ms is None else round(cut_ms),
        "label": outcome.label and str(outcome.label),
        "began_inside": len(outcome.inside),
        "is_committed": spoken.is_committed,
        "entries": [entry.text for entry in outcome.entries],
        "failures": outcome.failures,
    }


def duplex_page(panels: Panels, facts: Facts) -> ReportPage:
    """The same for reading."""
    charged = facts["forward_ms"]
    page = ReportPage(
        "Duplex behaviour",
        "Timed text scenarios, played against the engine on a simulated clock that moves by "
        f"{'what the forwards took' if charged is None else f'{charged:g} ms for each forward'}.",
    )
    _show_figures(page, panels)
    _show_latency(page, panels)
    _show_kinds(page, panels)
    _show_labels(page, panels)
    _show_not_applicable(page, panels)
    _show_scenarios(page, panels)
    show_facts(page, facts)
    return page


def _show_figures(page: ReportPage, panels: Panels) -> None:
    page.heading("The panel")
    rows: list[list[object]] = []
    for figure in FIGURES:
        row: list[object] = [figure.name, figure.limit, figure.published or None]
        for panel in panels.values():
            is_met, shown = figure.is_met(panel), figure.shown(panel)
            row.append(shown if is_met is None else Verdict(is_met, shown))
        rows.append([*row, figure.meaning])
    page.table(
        ["figure", "target", "best published", *panels, "meaning"],
        rows,
        "Targets of DESIGN.md, section 9: green is met, red is missed. “Best published” is, for "
        "each figure, the best row of τ-voice's panel (joint_score: with its yield_rate), for "
        "pause_takeovers of Full-Duplex-Bench; on audio and other dialogues: marks to aim at.",
    )


def _show_latency(page: ReportPage, panels: Panels) -> None:
    page.heading("Response latency")
    plot = latency_plot({name: panel.response_latency for name, panel in panels.items()})
    page.figure(plot, "Share of answered turns whose reply had begun by then.")


def _show_kinds(page: ReportPage, panels: Panels) -> None:
    page.heading("By kind of scenario")
    page.table(
        ["kind", *(f"passed, {name}" for name in panels)],
        [(kind, *(panel.of_kind(kind).passed for panel in panels.values())) for kind in Act],
        "Scenarios of which every line had what was expected of it.",
    )


def _show_labels(page: ReportPage, panels: Panels) -> None:
    page.heading("Speech that fell into a reply")
    rows: list[list[object]] = []
    for act in Act:
        counted = [panel.labels.get(act, Counter()) for panel in panels.values()]
        if any(counted):
            cells = [", ".join(f"{each.get(x, 0)} {x}" for x in Label) for each in counted]
            rows.append([act, *cells])
    page.table(
        ["the user's act", *panels],
        rows,
        "As in Full-Duplex-Bench v1.5: RESPOND is right for what asks for something, RESUME for "
        "backchannels, tics, talk for others and background; SILENT for a demand for silence.",
    )


def _show_not_applicable(page: ReportPage, panels: Panels) -> None:
    rows = [
        (name, r.scenario.name, _reason(r)) for name, p in panels.items() for r in p.not_applicable
    ]
    if rows:
        page.heading("Not applicable")
        page.table(
            ["strategy", "scenario", "why"], rows, "Lines that were not said are not scored."
        )


def _show_scenarios(page: ReportPage, panels: Panels) -> None:
    page.heading("Every scenario")
    page.paragraph(
        "Blue: the user; orange: replies, grey when taken back, with a red edge when cut, pale "
        "before they began (held back) and while they were paused. Arrows are decisions: green "
        "query, yellow not a query, purple hold. Text shows on hovering."
    )
    by_scenario = zip(*(panel.records for panel in panels.values()), strict=True)
    for records in by_scenario:
        for record in records:
            failed = [f"{o.act}: {', '.join(o.failures)}" for o in outcomes(record) if o.failures]
            result = _reason(record) or ("; ".join(failed) if failed else "as expected")
            page.figure(picture(record), f"{record.scenario.name} · {record.strategy} · {result}")


def _reason(record: Record) -> str:
    """Why a scenario did not come to what it is about; empty if it did."""
    if record.unsaid:
        return f"not applicable: {record.unsaid}"
    is_scored = outcomes(record)[-1].is_scored
    return "" if is_scored else "not applicable: the reply ended as the line began"
