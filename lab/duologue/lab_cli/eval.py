"""`duologue eval`: measure what an engine decides, says and does. A command is a module here."""

from collections.abc import Sequence
from types import ModuleType

import typer

from duologue.lab_cli import eval_duplex, eval_faithfulness, eval_states

_COMMANDS: Sequence[ModuleType] = (eval_states, eval_duplex, eval_faithfulness)

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def eval_() -> None:
    """Measure what an engine decides, says and does; reports as JSON and as a page."""


for _module in _COMMANDS:
    _module.register(app)


def register(parent: typer.Typer) -> None:
    """Add the group of commands."""
    parent.add_typer(app, name="eval", rich_help_panel="Measuring")
