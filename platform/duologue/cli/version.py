"""`duologue version`."""

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

from duologue.cli.options import JsonOption
from duologue.cli.terminal import output, print_json

_PARTS = ("torch", "transformers", "tokenizers")


def show_version(as_json: JsonOption = False) -> None:
    """Print the versions of Duologue and of what it runs on."""
    found = {name: _version(name) for name in _PARTS}
    if as_json:
        print_json({"duologue": version("duologue"), "python": platform.python_version(), **found})
        return
    parts = [f"{name} {number}" if number else f"no {name}" for name, number in found.items()]
    whole = ", ".join([f"Python {platform.python_version()}", *parts])
    output().print(f"duologue {version('duologue')} ({whole})")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("version", rich_help_panel="About")(show_version)
