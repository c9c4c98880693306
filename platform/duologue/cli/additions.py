"""Commands of other distributions; in the place of the lab's, where it is not, how to get them."""

from importlib.metadata import entry_points
from typing import NoReturn

import typer

from duologue.cli.terminal import EXIT_ERROR, show_error

GROUP = "duologue.commands"
"""Entry points of this group name modules with a function `register(app)`."""
OF_THE_LAB = ("data", "eval", "train")


def register(app: typer.Typer) -> None:
    """Add what is installed, and hidden commands for what the lab would bring."""
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    for entry in found:
        entry.load().register(app)
    for name in sorted(set(OF_THE_LAB) - {entry.name for entry in found}):
        _stand_in(app, name)


def _stand_in(app: typer.Typer, name: str) -> None:
    """A command that takes whatever follows its name, `--help` too."""

    @app.command(
        name,
        hidden=True,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )
    def refuse() -> NoReturn:
        """Say what has to be installed."""
        show_error(f"duologue {name} comes with the lab: pip install 'duologue[lab]'")
        raise typer.Exit(EXIT_ERROR)
