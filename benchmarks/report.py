"""The figures of the forward benchmark: a table, a JSON file and a plot."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
import transformers
from rich.table import Table

from benchmarks.contenders.lineup import OURS
from benchmarks.measure import Cell

LISTENING = f"{OURS}, listening"
COLOURS = {
    OURS: "#0b5fa5",
    LISTENING: "#6fb1e3",
    "native int8": "#12a3a3",
    "torch": "#7a5195",
    "bare": "#8c8c8c",
    "generate": "#c77c11",
    "continuous batching": "#a23b72",
    "llama.cpp": "#2e7d32",
    "llama.cpp, no flash attention": "#8bc48f",
    "llama.cpp Q8_0": "#b8a11f",
}
"""The contenders that the plot shows."""


def names_in(cells: Sequence[Cell]) -> list[str]:
    return list(cells[0].timings)


def table(cells: Sequence[Cell]) -> Table:
    """Milliseconds per step, and in brackets how many times as long as ours."""
    shown = Table(title=f"One token for every session: median ms (× {OURS})")
    shown.add_column("sessions\n× context", justify="right", no_wrap=True)
    for name in names_in(cells):
        shown.add_column(name.replace(" ", "\n", 1), justify="right")
    shown.add_column("ours,\ntok/s", justify="right")
    shown.add_column("ours,\nms/row", justify="right")
    for cell in cells:
        ours = cell.timings[OURS]
        figures = [
            f"{timing.median_ms:.1f} ({timing.times_as_long_as(ours):.2f})"
            for timing in cell.timings.values()
        ]
        figures += [f"{cell.tokens_per_s(OURS):.0f}", f"{ours.median_ms / cell.sessions:.2f}"]
        shown.add_row(f"{cell.sessions} × {cell.context}", *figures)
    return shown


def write_json(cells: Sequence[Cell], threads: int, path: Path) -> None:
    """All figures, each step's time included."""
    report = {
        "machine": {
            "cores": psutil.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "threads": threads,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "processor_features": torch.backends.cpu.get_cpu_capability(),
        },
        "dtype": "bfloat16",
        "cells": [_cell_figures(cell) for cell in cells],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _cell_figures(cell: Cell) -> dict[str, Any]:
    ours = cell.timings[OURS]
    return {
        "sessions": cell.sessions,
        "context_tokens": cell.context,
        "contenders": {
            name: {
                "median_ms": round(timing.median_ms, 3),
                "min_ms": round(timing.min_ms, 3),
                "tokens_per_s": round(cell.tokens_per_s(name), 1),
                "times_as_long_as_native": round(timing.times_as_long_as(ours), 3),
                "rounds_ms": [[round(ms, 2) for ms in steps] for steps in timing.rounds],
            }
            for name, timing in cell.timings.items()
        },
    }


def plot(cells: Sequence[Cell], path: Path) -> None:
    """Tokens per second over the number of sessions, one panel per context length."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    contexts = sorted({cell.context for cell in cells})
    size = (max(4 * len(contexts), 8), 4.4)
    figure, panels = pyplot.subplots(1, len(contexts), figsize=size, sharey=True, squeeze=False)
    for panel, context in zip(panels[0], contexts, strict=True):
        _draw(panel, [cell for cell in cells if cell.context == context])
        panel.set_title(f"{context} tokens of context")
        panel.set_xlabel("sessions")
    panels[0][0].set_ylabel("tokens per second, all sessions")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _draw(panel: Any, cells: Sequence[Cell]) -> None:
    """One panel: a line per contender, both axes logarithmic."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    sessions = [cell.sessions for cell in cells]
    for name in names_in(cells):
        if name in COLOURS:
            speeds = [cell.tokens_per_s(name) for cell in cells]
            width = 2.4 if name == OURS else 1.4
            panel.plot(
                sessions, speeds, marker="o", ms=4, lw=width, color=COLOURS[name], label=name
            )
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    panel.set_xticks(sessions, [str(number) for number in sessions], minor=False)
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda speed, _: f"{speed:g}"))
    panel.minorticks_off()
    panel.grid(visible=True, which="major", color="#e3e3e3", lw=0.6)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
