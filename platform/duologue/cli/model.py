"""`duologue model`: prepare a model and look at it."""

from typing import TYPE_CHECKING

import typer

from duologue.cli.options import (
    ConfigOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    ModelOption,
    SetOption,
    read_options,
)
from duologue.cli.terminal import model_progress, output, print_json

if TYPE_CHECKING:
    from duologue.model.loading import LoadedModel

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def model() -> None:
    """Prepare a model and look at it."""


@app.command(
    "prepare",
    epilog=(
        "[b]Examples[/b]\n\nduologue model prepare\n\n"
        "duologue model prepare --model ./llama-3.2-1b.Q8_0.gguf"
    ),
)
def prepare(
    source: ModelOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Convert the model, once, into the cache folder ([b]DUOLOGUE_CACHE[/b]).

    The bundled model and .gguf files need it; it takes 20 seconds for the bundled one. Every
    command does it by itself when it has to.
    """
    settings = read_options(config, assignments, model__source=source).settings
    from duologue.model.sources import model_folder

    with model_progress() as progress:
        folder = model_folder(settings.model.source, progress)
    output().print(f"ready: {folder}", soft_wrap=True)


@app.command(
    "show",
    epilog="[b]Examples[/b]\n\nduologue model show\n\nduologue model show --model ./my-model",
)
def show(
    source: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load the model and print what the engine knows of it."""
    settings = read_options(
        config, assignments, model__source=source, model__device=device, model__dtype=dtype
    ).settings
    from duologue.model.loading import load_model

    with model_progress() as progress:
        loaded = load_model(
            settings.model.source,
            device=settings.model.device,
            dtype=settings.model.dtype,
            kernels=settings.model.kernels,
            weights=settings.model.weights,
            progress=progress,
        )
    facts = _facts(loaded, settings.kv.memory_mib)
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts)


def register(parent: typer.Typer) -> None:
    """Add the group of commands."""
    parent.add_typer(app, name="model", rich_help_panel="Setting up")


def _print_facts(facts: dict[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        table.add_row(Text(name, "bold"), Text(value))
    output().print(table)


def _facts(loaded: "LoadedModel", memory_mib: int) -> dict[str, str]:
    geometry, chat = loaded.geometry, loaded.chat
    cell_bytes = geometry.bytes_per_cell(loaded.dtype)
    num_weights = sum(weight.numel() for weight in loaded.network.parameters())
    return {
        "name": loaded.name,
        "folder": str(loaded.folder),
        "kind": str(loaded.network.config.model_type),
        "runs": f"on {loaded.device} in {str(loaded.dtype).removeprefix('torch.')}",
        "kernels": f"{loaded.kernels.kernels.name} ({loaded.kernels.reason})",
        "weights": f"{num_weights / 1e6:,.1f} million, {_held(loaded)}",
        "layers": f"{geometry.num_layers}, hidden size {geometry.hidden_size}",
        "attention": f"{geometry.num_heads} heads over {geometry.num_kv_heads} key/value heads"
        f" of {geometry.head_dim}",
        "context": f"{geometry.max_positions:,} tokens",
        "vocabulary": f"{geometry.vocab_size:,} tokens",
        "cell": f"{cell_bytes:,} bytes; {memory_mib * 2**20 // cell_bytes:,} of them in"
        f" {memory_mib} MiB (kv.memory_mib)",
        "stops at": ", ".join(map(str, sorted(chat.stop_tokens))) or "no token",
        "system role": "yes" if chat.supports_system else "no, given as a first user turn",
        "fingerprint": loaded.fingerprint,
    }


def _held(loaded: "LoadedModel") -> str:
    """How weights are held, and why."""
    if loaded.kernels.is_int8:
        return "rounded to 8-bit numbers (model.weights asks for it)"
    return f"in {str(loaded.dtype).removeprefix('torch.')} (model.weights is 'plain')"
