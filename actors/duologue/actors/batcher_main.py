"""A batching actor as a process of its own, without Ray: `python -m duologue.actors.batcher_main`.

Takes settings as every command does. Prints its address when sessions can come; ends on SIGTERM or
SIGINT, or with status 1 when it is beyond help, for whoever started it to start it again.
"""

import logging
import os
import signal
import sys
from typing import Annotated

import typer

from duologue.actors.batcher_host import BatcherHost
from duologue.actors.batcher_options import BatcherOptions
from duologue.cli.options import ConfigOption, SetOption, read_options
from duologue.errors import DuologueError
from duologue.telemetry.logs import start_logging


def run(
    batcher_id: Annotated[str, typer.Option(help="Its name in the cluster.")] = "batcher",
    node_id: Annotated[str, typer.Option(help="The node it runs on.")] = "local",
    listen: Annotated[
        list[str] | None, typer.Option(help="host:port or unix:/path; may be repeated.")
    ] = None,
    advertise: Annotated[str | None, typer.Option(help="The host that is announced.")] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Serve a model to sessions."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # before there are threads to inherit it
    try:
        options = BatcherOptions(
            batcher_id,
            node_id,
            listen=tuple(listen or ["127.0.0.1:0"]),
            advertised_host=advertise,
        )
        settings = read_options(config, assignments).settings
        start_logging(settings.telemetry, "batcher")
        host = BatcherHost(settings, options, _give_up)
        print(host.start(), flush=True)
    except DuologueError as error:
        sys.exit(f"duologue: {error}")
    signal.sigwait(signals)
    host.stop()


def _give_up(reason: str) -> None:
    logging.error("giving up: %s", reason)
    os._exit(1)  # the thread of forwards may hang for ever


if __name__ == "__main__":
    typer.run(run)
