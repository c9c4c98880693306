"""`duologue eval states`: how well the states of utterances are told."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.options import (
    ConfigOption,
    DeviceOption,
    DtypeOption,
    ModelOption,
    SetOption,
    read_options,
)
from duologue.cli.terminal import model_progress
from duologue.lab_cli.eval_terminal import AdapterOption, Count, bars, print_outcomes, print_report

if TYPE_CHECKING:
    from duologue.evaluation.rows import Row
    from duologue.evaluation.states import StateFigures
    from duologue.evaluation.streaming.figures import StreamingFigures
    from duologue.evaluation.streaming.play import StreamingSettings
    from duologue.evaluation.targets import Outcome
    from duologue.runtime.assembly import Assembly

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue eval states --data val.jsonl --report ./report\n\n"
    "duologue eval states --data val.jsonl --report ./report --adapter ./my-adapter\n\n"
    "duologue eval states --data val.jsonl --report ./report --streaming --limit 400"
)


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
    streaming: Annotated[
        bool,
        typer.Option(
            "--streaming",
            help="Also say each text word by word: premature triggers, and the delay after the "
            "end, for several look-aheads side by side.",
        ),
    ] = False,
    alpha: Annotated[
        str,
        typer.Option(metavar="A,B,…", help="With --streaming: the look-aheads α to compare."),
    ] = "0,1,3,5",
    word_ms: Annotated[
        int, typer.Option(min=1, help="With --streaming: milliseconds from word to word.")
    ] = 250,
    limit: Annotated[
        int,
        typer.Option(min=0, help="With --streaming: say so many rows, drawn evenly; 0 for all."),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Draws the rows of --limit.")] = 0,
    adapter: AdapterOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Read the state of every row's text as the engine does, and compare with its label.

    Writes [b]report.json[/b], [b]predictions.jsonl[/b] (row by row, with probabilities) and
    [b]index.html[/b] with plots; with --streaming also [b]streaming.jsonl[/b]. Targets that are
    missed are shown; they are no error.
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
    from duologue.evaluation.rows import evenly_drawn, read_state_rows
    from duologue.runtime.assembly import assemble

    plan = _streaming_settings(alpha, word_ms) if streaming else None
    rows = read_state_rows(data)
    make_folder(report)
    with model_progress() as progress:
        assembly = assemble(settings, progress)
    with bars() as count:
        figures = _read(assembly, rows, count)
        said = _say(assembly, evenly_drawn(rows, limit, seed), plan, count) if plan else []
    outcomes = _write(report, data, assembly, figures, said, plan)
    print_outcomes(outcomes)
    print_report(report)


def register(parent: typer.Typer) -> None:
    """Add the command."""
    parent.command("states", epilog=_EPILOG)(states)


def _streaming_settings(alpha: str, word_ms: int) -> "StreamingSettings":
    from duologue.errors import InvalidSetting
    from duologue.evaluation.streaming.play import StreamingSettings

    try:
        alphas = tuple(int(part) for part in alpha.split(","))
    except ValueError as error:
        raise InvalidSetting(f"alpha: {alpha!r} is no list of numbers such as 0,1,3,5") from error
    return StreamingSettings(word_ms=word_ms, alphas=alphas)


def _read(assembly: "Assembly", rows: "list[Row]", count: Count) -> "StateFigures":
    from duologue.evaluation.prediction import Prediction
    from duologue.evaluation.reading import read_states
    from duologue.evaluation.states import StateFigures

    judge = assembly.setup.profile.judge
    advance = count("reading states", len(rows))
    judgements = read_states(assembly.engine, assembly.setup, rows, advance)
    pairs = zip(rows, judgements, strict=True)
    return StateFigures([Prediction.of(row, judgement, judge) for row, judgement in pairs])


def _say(
    assembly: "Assembly", rows: "list[Row]", plan: "StreamingSettings", count: Count
) -> "list[StreamingFigures]":
    from duologue.evaluation.streaming.figures import StreamingFigures
    from duologue.evaluation.streaming.play import play

    found = []
    for alpha in plan.alphas:
        advance = count(f"word by word, α = {alpha}", len(rows))
        played = play(assembly.engine, assembly.setup, rows, plan, alpha, advance)
        found.append(StreamingFigures(played, plan.word_ms))
    return found


def _write(
    report: Path,
    data: Path,
    assembly: "Assembly",
    figures: "StateFigures",
    said: "list[StreamingFigures]",
    plan: "StreamingSettings | None",
) -> "list[Outcome]":
    """Write all files; returns the targets with what was measured."""
    from duologue.evaluation.page import Page
    from duologue.evaluation.report import run_facts, show_facts, write_report
    from duologue.evaluation.states_report import show_states, states_json, write_predictions
    from duologue.evaluation.streaming import report as streaming

    facts = run_facts(assembly)
    page = Page("State decisions", f"{len(figures.predictions)} rows of {data.name}")
    found: dict[str, object] = {
        "kind": "states",
        "data": data.name,
        "run": facts,
        "states": states_json(figures),
    }
    show_states(page, figures)
    write_predictions(report / "predictions.jsonl", figures.predictions)
    outcomes = list(figures.outcomes)
    if plan is not None:
        alpha = assembly.setup.decoding.look_ahead_tokens
        found["streaming"] = streaming.streaming_json(said, plan, alpha)
        streaming.show_streaming(page, said, plan, alpha)
        streaming.write_courses(report / "streaming.jsonl", said)
        outcomes += streaming.outcomes(said, alpha)
    show_facts(page, facts)
    write_report(report, found, page)
    return outcomes
