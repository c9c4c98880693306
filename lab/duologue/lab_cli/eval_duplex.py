"""`duologue eval duplex`: who has the floor, on timed scenarios."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

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
from duologue.cli.terminal import messages, model_progress, output
from duologue.lab_cli.eval_terminal import AdapterOption, print_report, print_report_json

if TYPE_CHECKING:
    from duologue.evaluation.duplex.acts import Act
    from duologue.evaluation.duplex.panel import Panel
    from duologue.evaluation.duplex.run import OnPlayed
    from duologue.settings import StrategyName

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue eval duplex --report ./duplex                       the shipped scenarios\n\n"
    "duologue eval duplex --strategy duo --strategy tdm --strategy turn --report ./duplex\n\n"
    "duologue eval duplex --scenarios ./mine --kind backchannel --report ./duplex\n\n"
    "duologue eval duplex --forward-ms 20 --report ./duplex       the same on any machine\n\n"
    "duologue eval duplex --oracle --report ./duplex              recognition held right"
)


def duplex(
    report: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Where to write report.json, timelines.txt and index.html."
        ),
    ],
    scenarios: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A folder of scenarios, or one file; without it, those that are shipped.",
            show_default=False,
        ),
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="[b]duo[/b], tdm or turn; may be repeated.", show_default=False),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="Only scenarios of this kind, such as hold; may be repeated.", show_default=False
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="At most N scenarios of each kind.", show_default=False
        ),
    ] = None,
    forward_ms: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            metavar="MS",
            help="Charge each forward so much time instead of what it takes here.",
            show_default=False,
        ),
    ] = None,
    oracle: Annotated[
        bool,
        typer.Option(
            "--oracle", help="Hold recognition right: a state head that knows what is said."
        ),
    ] = False,
    commit: Annotated[
        bool,
        typer.Option("--commit", help="End each of the user's turns with a commit: Enter."),
    ] = False,
    adapter: AdapterOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play timed scenarios in simulated time, and measure who has the floor.

    Response and yield latency, yielding to interruptions, carrying on over backchannels, tics, talk
    for others and background, pauses, holds: as τ-voice and Full-Duplex-Bench define them, for each
    strategy side by side. The clock moves by what the forwards take, so simulated silence is free.
    """
    strategies = _strategies(strategy or ["duo"])
    settings = read_options(
        config,
        assignments,
        model__source=model,
        model__device=device,
        model__dtype=dtype,
        model__adapter=adapter,
        # A head that knows the script needs no trained one, as `turn` needs none.
        decoding__strategy="turn" if oracle else _most_demanding(strategies),
    ).settings
    from duologue.evaluation.duplex.oracle import held_right
    from duologue.evaluation.duplex.reading import SHIPPED, read_scenarios
    from duologue.evaluation.duplex.report import write_duplex_report
    from duologue.evaluation.duplex.run import chosen_scenarios, play_all
    from duologue.evaluation.report import make_folder, run_facts
    from duologue.runtime.assembly import assemble

    chosen = chosen_scenarios(read_scenarios(scenarios or SHIPPED), _kinds(kind or []), limit)
    make_folder(report)
    with model_progress() as progress:
        assembly = assemble(settings, progress)
    engine, setup, head = (
        held_right(assembly) if oracle else (assembly.engine, assembly.setup, None)
    )
    with _playing(len(chosen) * len(strategies)) as on_played:
        panels = play_all(
            chosen,
            strategies,
            engine,
            setup,
            forward_ms=forward_ms,
            oracle=head,
            commits=commit,
            on_played=on_played,
        )
    facts = {
        **run_facts(assembly),
        "strategy": list(strategies),
        "reply_tokens_per_slice": settings.decoding.reply_tokens_per_slice,
        "reply_tokens_per_second": settings.decoding.reply_tokens_per_second,
        "scenarios": len(chosen),
        "forward_ms": forward_ms,
        "recognition": "held right" if oracle else "by the state head",
        "every_turn_committed": commit,
    }
    write_duplex_report(report, panels, facts)
    if as_json:
        print_report_json(report)
        return
    _print_figures(panels)
    print_report(report)


def register(app: typer.Typer) -> None:
    """Add the command to `duologue eval`."""
    app.command("duplex", epilog=_EPILOG)(duplex)


def _strategies(names: Sequence[str]) -> "list[StrategyName]":
    from duologue.strategies.registry import speaking_strategy

    known = dict.fromkeys(speaking_strategy(name).name for name in names)
    return [cast("StrategyName", name) for name in known]


def _most_demanding(strategies: "Sequence[StrategyName]") -> str:
    """One that needs a state head, if any does."""
    from duologue.strategies.registry import strategy_named

    return max(strategies, key=lambda name: strategy_named(name).judges)


def _kinds(names: Sequence[str]) -> "list[Act]":
    from duologue.errors import InvalidSetting
    from duologue.evaluation.duplex.acts import Act

    try:
        return [Act(name) for name in names]
    except ValueError as error:
        raise InvalidSetting(f"must be one of {', '.join(Act)}: {error}", field="kind") from error


@contextmanager
def _playing(total: int) -> "Iterator[OnPlayed]":
    """A progress bar that counts scenarios."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=messages()) as bar:
        task = bar.add_task("scenarios", total=total)
        yield lambda record: bar.update(
            task, advance=1, description=f"{record.strategy}: {record.scenario.name:<28.28}"
        )


def _print_figures(panels: "Mapping[str, Panel]") -> None:
    from rich.table import Table
    from rich.text import Text

    from duologue.evaluation.duplex.figures import FIGURES

    table = Table("figure", "target", *panels, box=None)
    for figure in FIGURES:
        target = "" if figure.limit is None else str(figure.limit)
        colours = {True: "green", False: "red", None: ""}
        cells = [Text(figure.shown(p), colours[figure.is_met(p)]) for p in panels.values()]
        table.add_row(figure.name, target, *cells)
    output().print(table)
    for name, panel in panels.items():
        if panel.not_applicable:
            names = ", ".join(record.scenario.name for record in panel.not_applicable)
            output().print(f"not applicable under {name}: {names}", soft_wrap=True)
