"""`duologue up`: the whole platform in the foreground."""

import os
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
from duologue.cli.terminal import messages

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue up                              everything on this machine; then: duologue chat\n\n"
    "duologue up -s gateway.port=0 -s batching.num_batchers=2\n\n"
    "duologue up --ray-address 10.0.0.1:6379 -s store.url=redis://10.0.0.2    on a Ray cluster"
)


def up(
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Join this Ray cluster, and use all of its nodes, instead of starting Ray here.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Run the whole platform until Ctrl-C: store, Ray, model, session actors and gateway.

    Its address and a key for development are printed, and written to a file that only you can read:
    the other commands find them there.
    """
    settings = read_options(
        config, assignments, model__source=model, model__device=device, model__dtype=dtype
    ).settings
    import asyncio

    from duologue.actors.foreground import run_platform

    console = messages()
    asyncio.run(
        run_platform(
            settings,
            ray_address=ray_address,
            say=lambda line: console.print(line, highlight=False),
            pid=os.getpid(),
        )
    )


def register(app: typer.Typer) -> None:
    app.command(epilog=_EPILOG)(up)
