"""`duologue gateway`: one gateway, in this process."""

from pathlib import Path
from typing import Annotated

import typer

from duologue.cli.options import ConfigOption, SetOption, read_options

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue gateway -s store.url=redis://store:6379      for the cluster with that store\n\n"
    "duologue gateway -s gateway.port=0 --ready-file address.txt"
)


def gateway(
    config: ConfigOption = None,
    assignments: SetOption = None,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the address to this file as soon as clients can come.",
            show_default=False,
        ),
    ] = None,
    die_with_parent: Annotated[
        bool,
        typer.Option("--die-with-parent", help="Stop when the process that started it has ended."),
    ] = False,
) -> None:
    """Run a gateway: where clients come in.

    It needs a store ([b]store.url[/b]) that a running cluster uses too; several gateways may stand
    before one cluster. SIGTERM drains it: clients are told to go, and have [b]gateway.drain_ms[/b].
    """
    settings = read_options(config, assignments).settings
    from duologue.gateway.process import run

    run(settings, ready_file=ready_file, die_with_parent=die_with_parent)


def register(app: typer.Typer) -> None:
    app.command(epilog=_EPILOG)(gateway)
