"""`duologue config`: the settings in force, and where each comes from."""

from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.options import ConfigOption, JsonOption, SetOption, read_options
from duologue.cli.terminal import output, print_json

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
        "duologue config show --toml > duologue.toml\n\n"
        "duologue config show --json | jq 'map_values(.value)'"
    ),
)
def show(
    config: ConfigOption = None,
    assignments: SetOption = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="As a configuration file, to be changed and used.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every setting, its value, and the source that it comes from.

    From the weakest source to the strongest: the default, the configuration file, the environment
    variable DUOLOGUE_SECTION__NAME, the flag.
    """
    if toml and as_json:
        raise typer.BadParameter("--toml and --json exclude each other")
    configuration = read_options(config, assignments)
    if as_json:
        print_json(
            {
                name: {"value": value, "from": configuration.origins.get(name) or "default"}
                for name, value in _shown_values(configuration).items()
            }
        )
    elif toml:
        # Not through the console: it would wrap long lines.
        typer.echo(_as_toml(configuration))
    else:
        _print_table(configuration)


@app.command(
    "serve",
    epilog=(
        "[b]Examples[/b]\n\n"
        "duologue config serve --config duologue.toml > serve.yaml\n\n"
        "serve deploy serve.yaml                       on a Ray cluster; its processes have "
        "DUOLOGUE_STORE__URL in their environment\n\n"
        "duologue config serve --gpus 1                a GPU for each batching actor"
    ),
)
def serve(
    config: ConfigOption = None,
    assignments: SetOption = None,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs that each batching actor takes.")] = 0,
    device_resource: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A Ray resource of which each batching actor takes one: so many fit on a node as "
            "it has of it.",
            show_default=False,
        ),
    ] = None,
    node_resource: Annotated[
        str, typer.Option(metavar="NAME", help="The Ray resource of nodes that hold sessions.")
    ] = "duologue_node",
) -> None:
    """Print a Ray Serve config file: the models, and node agents on the nodes.

    What is not a default here is in the file, but for [b]store.url[/b], which may hold a password,
    and for what concerns gateways. Those come from the environment.
    """
    settings = read_options(config, assignments).settings
    import yaml

    from duologue.actors.serve_config import serve_config

    document = serve_config(
        settings, num_gpus=gpus, device_resource=device_resource, node_resource=node_resource
    )
    typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


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


def _shown_values(configuration: "Configuration") -> dict[str, object]:
    """For eyes: without a password."""
    from duologue.store.address import without_password

    url = configuration.settings.store.url
    return {
        **_values(configuration),
        "store.url": None if url is None else without_password(url),
    }


def _print_table(configuration: "Configuration") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("setting", "value", "from", box=None, header_style="bold", pad_edge=False)
    section = ""
    for name, value in _shown_values(configuration).items():
        if section and not name.startswith(f"{section}."):
            table.add_row()
        section = name.partition(".")[0]
        origin = configuration.origins.get(name)
        style = "bold" if origin else "dim"
        table.add_row(Text(name), Text(_literal(value), style), Text(origin or "default", style))
    output().print(table)
    from duologue.forward.native import build
    from duologue.forward.triton import presence

    sets = {"native": build.state(), "triton": presence.state()}
    output().print()
    for name, state in sets.items():
        output().print(Text(f"{name} kernels (model.kernels): {state}", "dim"), soft_wrap=True)


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
