"""`duologue version`."""

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

from duologue.cli.terminal import output

_PARTS = ("torch", "transformers", "tokenizers")


def show_version() -> None:
    """Print the versions of Duologue and of what it runs on."""
    parts = [f"Python {platform.python_version()}"]
    for name in _PARTS:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            parts.append(f"no {name}")
    output().print(f"duologue {version('duologue')} ({', '.join(parts)})")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("version", rich_help_panel="About")(show_version)
