"""`duologue eval states`: how well the states of utterances are told."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.options import (
    ConfigOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    ModelOption,
    SetOption,
    read_options,
)
from duologue.cli.terminal import model_progress
from duologue.lab_cli.eval_terminal import (
    AdapterOption,
    Count,
    bars,
    print_outcomes,
    print_report,
    print_report_json,
)

if TYPE_CHECKING:
    from duologue.evaluation.robustness import Changed
    from duologue.evaluation.rows import Row
    from duologue.evaluation.states import StateFigures
    from duologue.evaluation.streaming.figures import StreamingFigures
    from duologue.evaluation.streaming.play import StreamingSettings
    from duologue.evaluation.targets import TargetOutcome
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
    rates: Annotated[
        str,
        typer.Option(
            metavar="MS,MS,…",
            help="With --streaming: say the texts at these rates too, in milliseconds from word to "
            "word, at the look-ahead in force: what is computed early, and what is shown early.",
        ),
    ] = "",
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Also read every text with a trailing blank, comma and filler and in capitals: "
            "which decisions change.",
        ),
    ] = False,
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
    as_json: JsonOption = False,
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

    plan = _streaming_settings(alpha, word_ms, rates) if streaming else None
    rows = read_state_rows(data)
    make_folder(report)
    with model_progress() as progress:
        assembly = assemble(settings, progress)
    with bars() as count:
        figures = _read(assembly, rows, count)
        changed = _changed(assembly, figures, rows, count) if robustness else []
        drawn = evenly_drawn(rows, limit, seed)
        said = _say(assembly, drawn, plan, count) if plan else []
        paced = _say_at_rates(assembly, drawn, plan, count) if plan else []
    outcomes = _write(report, data, assembly, figures, changed, said, paced, plan)
    if as_json:
        print_report_json(report)
        return
    print_outcomes(outcomes)
    print_report(report)


def register(parent: typer.Typer) -> None:
    """Add the command."""
    parent.command("states", epilog=_EPILOG)(states)


def _streaming_settings(alpha: str, word_ms: int, rates: str) -> "StreamingSettings":
    from duologue.evaluation.streaming.play import StreamingSettings

    return StreamingSettings(
        word_ms=word_ms,
        alphas=_numbers("alpha", alpha, "0,1,3,5"),
        rates_ms=_numbers("rates", rates, "150,250,600") if rates else (),
    )


def _numbers(name: str, text: str, example: str) -> tuple[int, ...]:
    from duologue.errors import InvalidSetting

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidSetting(f"{name}: {text!r} is no list of numbers such as {example}") from error


def _read(
    assembly: "Assembly", rows: "list[Row]", count: Count, what: str = "reading states"
) -> "StateFigures":
    from duologue.evaluation.prediction import Prediction
    from duologue.evaluation.reading import read_states
    from duologue.evaluation.states import StateFigures

    judge = assembly.setup.profile.judge
    advance = count(what, len(rows))
    judgements = read_states(assembly.engine, assembly.setup, rows, advance)
    pairs = zip(rows, judgements, strict=True)
    return StateFigures([Prediction.of(row, judgement, judge) for row, judgement in pairs])


def _changed(
    assembly: "Assembly", figures: "StateFigures", rows: "list[Row]", count: Count
) -> "list[Changed]":
    from duologue.evaluation.robustness import CHANGES, Changed, changed_rows

    found = []
    for name in CHANGES:
        read = _read(assembly, changed_rows(rows, name), count, name)
        found.append(Changed(name, read.predictions, figures.predictions))
    return found


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


def _say_at_rates(
    assembly: "Assembly", rows: "list[Row]", plan: "StreamingSettings", count: Count
) -> "list[StreamingFigures]":
    from dataclasses import replace

    from duologue.evaluation.streaming.figures import StreamingFigures
    from duologue.evaluation.streaming.play import play

    alpha, found = assembly.setup.decoding.look_ahead_tokens, []
    for rate_ms in plan.rates_ms:
        advance = count(f"a word every {rate_ms} ms", len(rows))
        paced = replace(plan, word_ms=rate_ms)
        played = play(assembly.engine, assembly.setup, rows, paced, alpha, advance)
        found.append(StreamingFigures(played, rate_ms))
    return found


def _write(
    report: Path,
    data: Path,
    assembly: "Assembly",
    figures: "StateFigures",
    changed: "list[Changed]",
    said: "list[StreamingFigures]",
    paced: "list[StreamingFigures]",
    plan: "StreamingSettings | None",
) -> "list[TargetOutcome]":
    """Write all files; returns the targets with what was measured."""
    from duologue.evaluation.page import ReportPage
    from duologue.evaluation.report import run_facts, show_facts, write_report
    from duologue.evaluation.states_report import (
        all_outcomes,
        show_states,
        states_json,
        write_predictions,
    )
    from duologue.evaluation.streaming import report as streaming

    facts = run_facts(assembly)
    page = ReportPage("State decisions", f"{len(figures.predictions)} rows of {data.name}")
    found: dict[str, object] = {
        "kind": "states",
        "data": data.name,
        "run": facts,
        "states": states_json(figures, changed),
    }
    show_states(page, figures, changed)
    write_predictions(report / "predictions.jsonl", figures.predictions)
    outcomes = all_outcomes(figures, changed)
    if plan is not None:
        alpha = assembly.setup.decoding.look_ahead_tokens
        found["streaming"] = streaming.streaming_json(said, plan, alpha)
        found["rates"] = streaming.rates_json(paced)
        streaming.show_streaming(page, said, plan, alpha)
        streaming.show_rates(page, paced)
        streaming.write_courses(report / "streaming.jsonl", said)
        outcomes += streaming.outcomes(said, alpha) + streaming.rate_outcomes(paced)
    show_facts(page, facts)
    write_report(report, found, page)
    return outcomes
