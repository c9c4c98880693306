"""The `duologue` command: gathers the commands, and turns deliberate errors into one line.

A command is a module here with a function `register(app)`; other distributions add more
(additions.py). Importing these modules must stay fast, so that `--help` is: torch, transformers and
pydantic are imported inside the commands.
"""

import os
import sys

import typer

from duologue.cli import (
    additions,
    chat,
    check,
    config,
    demo,
    drain,
    gateway,
    health,
    model,
    sessions,
    status,
    talk,
    tenants,
    top,
    trace,
    up,
    version,
)
from duologue.cli.terminal import EXIT_ERROR, show_error
from duologue.cores import threads_by_quota
from duologue.errors import DuologueError

_COMMANDS = (
    demo,
    talk,
    up,
    chat,
    status,
    top,
    sessions,
    trace,
    tenants,
    check,
    health,
    additions,
    gateway,
    drain,
    model,
    config,
    version,
)
_EPILOG = (
    "[b]Start here[/b]\n\n"
    "duologue demo             the whole platform, for one scripted conversation\n\n"
    "duologue talk             the same screen as chat, over a model in this process\n\n"
    "duologue up               the whole platform, until Ctrl-C; then [b]duologue chat[/b]\n\n"
    "duologue model show       what the bundled model is\n\n"
    "duologue config show      every setting, and where it comes from\n\n"
    "Each command explains itself with [b]--help[/b]."
)

app = typer.Typer(
    name="duologue",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def duologue() -> None:
    """Hold full-duplex conversations: a language model that listens while it speaks.

    Settings come from [b]duologue.toml[/b], from the environment ([b]DUOLOGUE_SECTION__NAME[/b])
    and from flags.
    """


for _module in _COMMANDS:
    _module.register(app)


def main() -> None:
    """Run the command line; deliberate errors end it with one line and exit code 2."""
    threads_by_quota(os.environ)
    try:
        app()
    except DuologueError as error:
        show_error(str(error))
        sys.exit(EXIT_ERROR)
    except ModuleNotFoundError as error:
        # The gateway's image has the commands and not all that they need.
        if error.name is None or error.name.partition(".")[0] == "duologue":
            raise
        show_error(f"this command needs {error.name}, which is not installed here")
        sys.exit(EXIT_ERROR)
