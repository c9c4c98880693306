"""A run's figures as a table, as a file, and as a plot."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.crowd.notes import Answer, Notes

COLOURS = {
    Answer.AT_ONCE: "#0b5fa5",
    Answer.COMMITTED: "#2e7d32",
    Answer.AFTER_SILENCE: "#c77c11",
}


def print_report(console: Console, report: Mapping[str, Any]) -> None:
    """The tables."""
    console.print(_latencies(report))
    console.print(_counts(report))
    if report["processes"]:
        console.print(_processes(report["processes"]))
    if report["batcher"]:
        console.print(_batcher(report["batcher"]))


def write_json(report: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def draw(notes: Sequence[Notes], measured_from_ms: float, path: Path) -> None:
    """Shares of replies over the time they took, and when in the run which wait occurred."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    shares, course = figure.subplots(1, 2)
    turns = [t for n in notes for t in n.turns if t.due_end_ms >= measured_from_ms]
    for kind, colour in COLOURS.items():
        found = [(t.due_end_ms, t.response_ms) for t in turns if t.answer is kind]
        waits = sorted(wait for _, wait in found if wait is not None)
        if waits:
            heights = [(place + 1) / len(waits) for place in range(len(waits))]
            shares.step(waits, heights, where="post", color=colour, label=f"{kind} ({len(waits)})")
            times = [(at_ms - measured_from_ms) / 1e3 for at_ms, _ in found]
            course.plot(times, [wait for _, wait in found], ".", markersize=3, color=colour)
    shares.set(xlabel="ms from last word to first reply text", ylabel="share of replies", xlim=0)
    shares.set_ylim(0, 1)
    shares.legend(frameon=False, fontsize="small", loc="lower right")
    course.set(xlabel="seconds into the measured time", ylabel="ms to first reply text", ylim=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _latencies(report: Mapping[str, Any]) -> Table:
    table = Table("ms", "count", "p50", "p95", "p99", "max", box=None, title="What people notice")
    rows = {f"response, {name}": found for name, found in report["response_ms"].items()}
    rows["yield, after the last word"] = report["yield_ms"]
    rows["word to judgement"] = report["judgement_ms"]
    rows["between pieces of text"] = report["inter_token_ms"]
    rows["session opened"] = report["open_ms"]
    rows["words sent late (this program)"] = report["own_lateness_ms"]
    for name, found in rows.items():
        table.add_row(name, *(_cell(found[key]) for key in ("count", "p50", "p95", "p99", "max")))
    return table


def _counts(report: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None, title="Counts")
    for section in ("sessions", "integrity", "answers"):
        for name, value in report[section].items():
            if name != "why":
                table.add_row(section, name.replace("_", " "), str(value))
    yields = report["yield_ms"]
    for name in ("interruptions", "cut", "cut_before_last_word"):
        table.add_row("yields", name.replace("_", " "), str(yields[name]))
    for reason, count in report["sessions"]["why"].items():
        table.add_row("why", reason, str(count))
    return table


def _processes(groups: Mapping[str, Mapping[str, Any]]) -> Table:
    columns = ("group", "processes", "cpu s", "cores", "RSS MiB", "unique MiB")
    table = Table(*columns, box=None, title="The platform's processes")
    for group, use in groups.items():
        table.add_row(group, *(str(value) for value in use.values()))
    return table


def _batcher(figures: Mapping[str, Any]) -> Table:
    table = Table(show_header=False, box=None, title="Batching actors")
    for name, value in figures.items():
        shown = " ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        table.add_row(name.replace("_", " "), str(shown))
    return table


def _cell(value: object) -> str:
    return "–" if value is None else str(value)
