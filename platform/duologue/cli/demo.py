"""`duologue demo`: the whole platform for the length of one scripted conversation."""

from pathlib import Path
from typing import Annotated

import typer

from duologue.cli.conversing import TOUR
from duologue.cli.options import ConfigOption, ModelOption, SetOption, read_options
from duologue.cli.terminal import messages, output


def demo(
    script: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A timed script (YAML); without it, the tour."),
    ] = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Start the whole platform, hold a scripted conversation over gRPC, show its trace, and stop.

    Everything is real: store, Ray, batching actor, session actor, gateway and client, each in a
    process of its own.
    """
    settings = read_options(config, assignments, model__source=model).settings
    import asyncio

    from duologue.actors.demonstration import demonstrate
    from duologue.talk.script import Script

    console = messages()
    asyncio.run(
        demonstrate(
            settings,
            Script.load(script or TOUR),
            output(),
            lambda line: console.print(line, highlight=False),
        )
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)
