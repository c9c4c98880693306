"""The options that every command with settings takes, and how they are read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from duologue.configuration import Configuration

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="TOML file with settings; without it, [b]duologue.toml[/b] here, if there is one.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="SECTION.NAME=VALUE",
        help="Set any setting ([b]duologue config show[/b] lists them); may be repeated.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="SOURCE",
        help="[b]bundled[/b], a Hugging Face folder, or a .gguf file.",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", help="[b]auto[/b], cpu, cuda, cuda:0, …, or mps.", show_default=False),
]
DtypeOption = Annotated[
    str | None,
    typer.Option("--dtype", help="[b]auto[/b], float32, bfloat16 or float16.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def read_options(
    config: Path | None, assignments: list[str] | None, **named: object
) -> "Configuration":
    """Settings from all sources; a keyword `model__device` is the flag for model.device.

    Raises InvalidSetting.
    """
    from duologue.configuration import read_configuration

    named_flags = {name.replace("__", "."): value for name, value in named.items()}
    return read_configuration(config, assignments or (), named_flags)
