"""`duologue eval states`: how well the states of utterances are told."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.eval_terminal import Count, bars, print_outcomes, print_report
from duologue.cli.options import (
    ConfigOption,
    DeviceOption,
    DtypeOption,
    ModelOption,
    SetOption,
    read_options,
)
from duologue.cli.terminal import model_progress

if TYPE_CHECKING:
    from duologue.evaluation.rows import Row
    from duologue.evaluation.states import StateFigures
    from duologue.runtime.assembly import Assembly

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue eval states --data val.jsonl --report ./report\n\n"
    "duologue eval states --data val.jsonl --report ./report --adapter ./my-adapter"
)

AdapterOption = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="A folder with a state adapter; without it, the one shipped for the model.",
        show_default=False,
    ),
]


def states(
    data: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="JSON Lines: [b]text[/b], [b]label[/b] (query, non_query, incomplete, hold) and, "
            "if you like, [b]category[/b], [b]context[/b] (list of role and text), "
            "[b]speaking[/b] (the assistant is in the middle of its reply).",
        ),
    ],
    report: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the report.")],
    adapter: AdapterOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Read the state of every row's text as the engine does, and compare with its label.

    Writes [b]report.json[/b], [b]predictions.jsonl[/b] (row by row, with probabilities) and
    [b]index.html[/b] with plots. Targets that are missed are shown; they are no error.
    """
    settings = read_options(
        config,
        assignments,
        model__source=model,
        model__device=device,
        model__dtype=dtype,
        model__adapter=adapter,
        decoding__strategy="duo",
    ).settings
    from duologue.evaluation.report import make_folder
    from duologue.evaluation.rows import read_state_rows
    from duologue.runtime.assembly import assemble

    rows = read_state_rows(data)
    make_folder(report)
    with model_progress() as progress:
        assembly = assemble(settings, progress)
    with bars() as count:
        figures = _read(assembly, rows, count)
    _write(report, data, assembly, figures)
    print_outcomes(figures.outcomes)
    print_report(report)


def register(parent: typer.Typer) -> None:
    """Add the command."""
    parent.command("states", epilog=_EPILOG)(states)


def _read(assembly: "Assembly", rows: "list[Row]", count: Count) -> "StateFigures":
    from duologue.evaluation.prediction import Prediction
    from duologue.evaluation.reading import read_states
    from duologue.evaluation.states import StateFigures

    judge = assembly.setup.profile.judge
    judgements = read_states(
        assembly.engine, assembly.setup, rows, count("reading states", len(rows))
    )
    pairs = zip(rows, judgements, strict=True)
    return StateFigures([Prediction.of(row, judgement, judge) for row, judgement in pairs])


def _write(report: Path, data: Path, assembly: "Assembly", figures: "StateFigures") -> None:
    from duologue.evaluation.page import Page
    from duologue.evaluation.report import run_facts, show_facts, write_report
    from duologue.evaluation.states_report import show_states, states_json, write_predictions

    facts = run_facts(assembly)
    page = Page("State decisions", f"{len(figures.predictions)} rows of {data.name}")
    show_states(page, figures)
    show_facts(page, facts)
    write_predictions(report / "predictions.jsonl", figures.predictions)
    found = {"kind": "states", "data": data.name, "run": facts, "states": states_json(figures)}
    write_report(report, found, page)
