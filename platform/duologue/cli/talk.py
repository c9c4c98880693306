"""`duologue talk`: a conversation in this process."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from duologue.cli.options import (
    ConfigOption,
    DeviceOption,
    DtypeOption,
    ModelOption,
    SetOption,
    read_options,
)
from duologue.cli.terminal import messages, model_progress, output

_TOUR = Path(__file__).parent.parent / "talk" / "scripts" / "tour.yaml"
_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue talk                               type while the model speaks\n\n"
    "duologue talk --script tour                 watch the tour that comes with it\n\n"
    "duologue talk --script my.yaml --strategy turn      the same words, turn by turn\n\n"
    "duologue talk -s decoding.look_ahead_tokens=0       without look-ahead"
)


def talk(
    script: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A timed script (YAML), or [b]tour[/b]. Without a terminal, the tour is played.",
            show_default=False,
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="[b]duo[/b], tdm or turn.", show_default=False),
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Talk with the model: it listens while it speaks.

    At a terminal you type, at any time, and see what the model makes of it. A script plays a timed
    conversation and prints it as a timeline: tick, channel, state probabilities, decision, text,
    and the latency of every reply.
    """
    settings = read_options(
        config,
        assignments,
        model__source=model,
        model__device=device,
        model__dtype=dtype,
        decoding__strategy=strategy,
    ).settings
    from duologue.runtime.assembly import assemble
    from duologue.strategies.registry import speaking_strategy
    from duologue.talk.live import hold_live
    from duologue.talk.script import Script
    from duologue.talk.scripted import hold_scripted

    speaking_strategy(settings.decoding.strategy)
    is_live = script is None and sys.stdin.isatty() and sys.stdout.isatty()
    chosen = None if is_live else Script.load(_TOUR if script in (None, "tour") else Path(script))
    with model_progress() as progress:
        assembly = assemble(settings, progress)
    messages().print(
        f"{assembly.model.name} on {assembly.model.device} in {assembly.model.dtype}, "
        f"strategy {settings.decoding.strategy}, tick {settings.decoding.tick_ms} ms"
    )
    if chosen is None:
        hold_live(assembly)
    else:
        hold_scripted(assembly, chosen, output())


def register(app: typer.Typer) -> None:
    app.command(epilog=_EPILOG)(talk)
