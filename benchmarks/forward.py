"""The merged forward against other ways of decoding a token for many sessions at once.

    python -m benchmarks.forward --quick
    python -m benchmarks.forward --llama-python path/to/another/venv/bin/python

Every contender holds as many sessions with as much context, and decodes one token for each of them
per step; "listening" adds one input row per session, whose hidden state is read. Contenders take
turns in one run, so that the ratios hold on a machine whose speed drifts.
"""

from pathlib import Path
from typing import Annotated

import torch
import transformers
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.contenders.contender import Contender
from benchmarks.contenders.lineup import CONTENDERS, OURS, lineup
from benchmarks.measure import Cell, measure_cell
from benchmarks.report import plot, table, write_json

TABLE_WIDTH = 150
HERE = Path(__file__).resolve().parent


def main(
    sessions: Annotated[str, typer.Option(help="Numbers of sessions.")] = "1,4,8,16,32,64",
    contexts: Annotated[str, typer.Option(help="Tokens of context per session.")] = "256,512,1024",
    contenders: Annotated[
        str, typer.Option(help=f"Who takes part; '{OURS}' always does.")
    ] = ",".join(CONTENDERS),
    rounds: Annotated[int, typer.Option(help="Rounds in which everybody takes a turn.")] = 7,
    steps: Annotated[int, typer.Option(help="Steps per turn; a warming one comes before.")] = 3,
    threads: Annotated[int, typer.Option(help="Threads of every contender.")] = 2,
    llama_python: Annotated[
        Path | None, typer.Option(help="A Python that has llama-cpp-python, if this one has not.")
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Measure at real-time priority (Linux, root).")
    ] = False,
    json_path: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = HERE
    / "results"
    / "forward.json",
    plot_path: Annotated[Path, typer.Option("--plot", help="Where the plot goes.")] = HERE.parent
    / "docs"
    / "images"
    / "forward.png",
    quick: Annotated[
        bool, typer.Option("--quick", help="8 sessions with 256 tokens, 2 rounds; writes nothing.")
    ] = False,
) -> None:
    """Measure the merged forward against the bare model, transformers and llama.cpp."""
    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    if quick:
        sessions, contexts, rounds = "8", "256", 2
    cells = [Cell(n, c) for c in _numbers(contexts) for n in _numbers(sessions)]
    taking_part = lineup(contenders.split(","), threads, llama_python)
    measure(cells, taking_part, rounds=rounds, steps=steps, realtime=realtime)
    Console(width=max(Console().width, TABLE_WIDTH)).print(table(cells))
    if not quick:
        write_json(cells, threads, json_path)
        plot(cells, plot_path)


def measure(
    cells: list[Cell], taking_part: list[Contender], *, rounds: int, steps: int, realtime: bool
) -> None:
    """Fill the cells, with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        total = len(cells) * (rounds + len(taking_part))
        task = progress.add_task("", total=total)
        for cell in cells:
            progress.update(task, description=f"{cell.sessions} × {cell.context} tokens")
            measure_cell(
                taking_part,
                cell,
                rounds=rounds,
                steps=steps,
                realtime=realtime,
                on_round=lambda: progress.advance(task),
            )
    for contender in taking_part:
        contender.close()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    typer.run(main)
