"""`duologue config`: the settings in force, and where each comes from."""

from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.options import ConfigOption, SetOption, read_options
from duologue.cli.terminal import output

if TYPE_CHECKING:
    from duologue.configuration import Configuration

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def config() -> None:
    """See the settings."""


@app.command(
    "show",
    epilog=(
        "[b]Examples[/b]\n\n"
        "duologue config show\n\n"
        "DUOLOGUE_DECODING__TICK_MS=80 duologue config show\n\n"
        "duologue config show --toml > duologue.toml"
    ),
)
def show(
    config: ConfigOption = None,
    assignments: SetOption = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="As a configuration file, to be changed and used.")
    ] = False,
) -> None:
    """Print every setting, its value, and the source that it comes from.

    From the weakest source to the strongest: the default, the configuration file, the environment
    variable DUOLOGUE_SECTION__NAME, the flag.
    """
    configuration = read_options(config, assignments)
    if toml:
        # Not through the console: it would wrap long lines.
        typer.echo(_as_toml(configuration))
    else:
        _print_table(configuration)


def register(parent: typer.Typer) -> None:
    """Add the group of commands."""
    parent.add_typer(app, name="config", rich_help_panel="Setting up")


def _values(configuration: "Configuration") -> dict[str, object]:
    from duologue.configuration import setting_names

    settings = configuration.settings
    parts = {name: name.partition(".") for name in setting_names()}
    return {
        name: getattr(getattr(settings, section), field)
        for name, (section, _, field) in parts.items()
    }


def _print_table(configuration: "Configuration") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("setting", "value", "from", box=None, header_style="bold", pad_edge=False)
    section = ""
    for name, value in _values(configuration).items():
        if section and not name.startswith(f"{section}."):
            table.add_row()
        section = name.partition(".")[0]
        origin = configuration.origins.get(name)
        style = "bold" if origin else "dim"
        table.add_row(Text(name), Text(_literal(value), style), Text(origin or "default", style))
    output().print(table)


def _as_toml(configuration: "Configuration") -> str:
    lines: list[str] = []
    section = ""
    for name, value in _values(configuration).items():
        if name.partition(".")[0] != section:
            section = name.partition(".")[0]
            lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        field = name.partition(".")[2]
        # TOML has no word for "none": the line is there to be found, and says nothing.
        lines.append(f"# {field} =" if value is None else f"{field} = {_literal(value)}")
    return "\n".join(lines)


def _literal(value: object) -> str:
    """The value as TOML writes it, which for texts and lists is as JSON does."""
    import json

    return "none" if value is None else json.dumps(value, ensure_ascii=False)
