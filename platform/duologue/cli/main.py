"""The `duologue` command: builds the app and turns deliberate errors into one line."""

from importlib.metadata import version

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def duologue() -> None:
    """Hold full-duplex conversations with a language model."""


@app.command("version")
def show_version() -> None:
    """Print the version."""
    typer.echo(version("duologue"))


def main() -> None:
    """Run the command line."""
    app()
