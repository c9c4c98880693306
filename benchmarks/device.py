"""What a GPU gives: exactness, forwards, and how many live sessions it serves.

    python -m benchmarks.device
    python -m benchmarks.device --parts exact,forward --minutes 4
    TRITON_INTERPRET=1 python -m benchmarks.device --device cpu --tiny

Nothing is downloaded: models have random weights in the sizes of Llama 3.2 1B and Llama 3.1 8B.
"""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import transformers
import typer
from rich.console import Console
from rich.table import Table
from transformers import PreTrainedConfig

from benchmarks.on_device.crowds import TICK_MS, Ticks, crowds, undecided_head
from benchmarks.on_device.exactness import FULL, TINY, Agreement, agreements
from benchmarks.on_device.forwards import Timing, free_bytes, timings
from benchmarks.on_device.networks import llama_1b, llama_8b, model_of, network_of, small, tiny
from benchmarks.on_device.watch import Watch
from duologue.forward.kernels.choice import choose_kernels
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.forward.triton.presence import triton_version
from duologue.model.device import choose_device, choose_dtype
from duologue.model.geometry import ModelGeometry

PARTS = ("exact", "forward", "crowd")
SESSIONS = (1, 8, 32, 128, 512)
CROWDS = (64, 256, 512, 768, 1024, 1536, 2048, 3072, 4096)
TABLE_WIDTH = 120


@dataclass(slots=True)
class Report:
    """Everything that was measured."""

    machine: dict[str, Any]
    agreements: list[Agreement] = field(default_factory=list)
    timings: dict[str, list[Timing]] = field(default_factory=dict)
    ticks: dict[str, list[Ticks]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def main(
    device: Annotated[str, typer.Option(help="As model.device.")] = "auto",
    parts: Annotated[str, typer.Option(help=f"Some of {','.join(PARTS)}.")] = ",".join(PARTS),
    minutes: Annotated[float, typer.Option(help="All of it takes no longer than about this.")] = 7,
    kernels: Annotated[str, typer.Option(help="As model.kernels.")] = "auto",
    context: Annotated[int, typer.Option(help="Tokens of context per session.")] = 512,
    is_tiny: Annotated[
        bool, typer.Option("--tiny", help="A tiny model and few sessions: whether it all works.")
    ] = False,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Where the figures go.", show_default=False)
    ] = None,
) -> None:
    """Measure a device, print tables, and write the figures as JSON if asked."""
    transformers.logging.set_verbosity_error()
    chosen = choose_device(device)
    report = Report(_machine(chosen))
    with Watch(minutes) as watch, torch.inference_mode():
        for part in parts.split(","):
            run = {"exact": _exact, "forward": _forward, "crowd": _crowd}[part]
            try:
                with watch.part({"exact": 0.2, "forward": 0.6, "crowd": 1.0}[part]):
                    run(report, watch, chosen, kernels, 16 if is_tiny else context, is_tiny)
            except Exception as error:  # what the other parts say is worth having
                report.failures.append(f"{part}: {type(error).__name__}: {error}")
    console = Console(width=max(Console().width, TABLE_WIDTH))
    for table in _tables(report):
        console.print(table)
    for failure in report.failures:
        console.print(f"failed: {failure}", markup=False)
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    if report.failures:
        raise typer.Exit(1)


def _exact(
    report: Report, watch: Watch, device: torch.device, kernels: str, _: int, is_tiny: bool
) -> None:
    make: Callable[[str], PreTrainedConfig] = tiny if is_tiny else small
    watch.show("exactness")
    configs = {family: make(family) for family in ("llama", "qwen3")}
    sample = network_of(configs["llama"], device, torch.float32)
    chosen = choose_kernels(kernels, sample).kernels
    size = TINY if is_tiny else FULL
    for agreement in agreements(configs, chosen, device, size, halves=device.type == "cuda"):
        report.agreements.append(agreement)
        if watch.left_s < 0:
            return


def _forward(
    report: Report,
    watch: Watch,
    device: torch.device,
    kernels: str,
    context: int,
    is_tiny: bool,
) -> None:
    models = _models(is_tiny)
    for place, (name, config) in enumerate(models.items()):
        if not _has_room(config, device):
            continue
        watch.show(f"{name}: weights")
        dtype = choose_dtype("auto" if device.type == "cuda" else "float32", device)
        network = network_of(config, device, dtype)
        chosen = choose_kernels(kernels, network).kernels
        sets = [chosen] if chosen is TORCH else [chosen, TORCH]
        head = undecided_head(network.config.hidden_size, device)
        sessions, steps = ((1, 2), 1) if is_tiny else (SESSIONS, 20)
        seconds = watch.left_s / (len(models) - place)
        found = report.timings.setdefault(name, [])
        for timing in timings(network, sets, head, sessions, context, steps, watch, seconds):
            found.append(timing)
        del network, chosen, sets


def _crowd(
    report: Report,
    watch: Watch,
    device: torch.device,
    kernels: str,
    context: int,
    is_tiny: bool,
) -> None:
    name, config = next(iter(_models(is_tiny).items()))
    dtype = choose_dtype("auto" if device.type == "cuda" else "float32", device)
    network = network_of(config, device, dtype)
    chosen = choose_kernels(kernels, network).kernels
    chosen.pack(network)
    found = report.ticks.setdefault(name, [])
    sizes, num_ticks = ((2,), 24) if is_tiny else (CROWDS, 100)
    for ticks in crowds(model_of(network, chosen), sizes, context, num_ticks, watch):
        found.append(ticks)


def _models(is_tiny: bool) -> dict[str, PreTrainedConfig]:
    return {"tiny": tiny()} if is_tiny else {"Llama 1B": llama_1b(), "Llama 8B": llama_8b()}


def _has_room(config: PreTrainedConfig, device: torch.device) -> bool:
    """For the weights, and as much again while they are made."""
    geometry, inner = ModelGeometry.from_config(config), int(config.intermediate_size)
    width = geometry.hidden_size
    layer = 3 * width * inner + 3 * width * width
    weights = geometry.num_layers * layer + geometry.vocab_size * width
    return 2 * 2 * weights < free_bytes(device)


def _machine(device: torch.device) -> dict[str, Any]:
    is_cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if is_cuda else platform.processor(),
        "memory_gib": round(torch.cuda.mem_get_info(device)[1] / 2**30) if is_cuda else None,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "triton": triton_version(),
        "cuda": torch.version.cuda,
        "transformers": transformers.__version__,
    }


def _tables(report: Report) -> list[Table]:
    title = f"{report.machine['device']}: exactness"
    exact = Table("", "logits", "hidden", "same likeliest", "same sampled", title=title)
    for one in report.agreements:
        errors = f"{one.logits_error:.1e}", f"{one.hidden_error:.1e}"
        exact.add_row(one.what, *errors, f"{one.same_likeliest:.3f}", f"{one.same_sampled:.3f}")
    tables = [exact] if report.agreements else []
    for name, timings_of in report.timings.items():
        table = Table(
            "kernels", "sessions", "rows", "forward ms", "host ms", "worst ms", "waits", "tokens/s",
            title=f"{name}: a forward",
        )  # fmt: skip
        for t in timings_of:
            rows = t.sessions * (2 if t.listens else 1)
            speed = f"{t.sessions / t.forward_ms * 1e3:,.0f}"
            times = f"{t.forward_ms:.2f}", f"{t.host_ms:.2f}", f"{t.worst_ms:.2f}"
            waits = "yes" if t.waits else "no"
            table.add_row(t.kernels, str(t.sessions), str(rows), *times, waits, speed)
        tables.append(table)
    for name, crowd in report.ticks.items():
        table = Table(
            "sessions", "ticks", "p50 ms", "p99 ms", f"within {TICK_MS} ms", "forwards", "rows",
            title=f"{name}: a live crowd",
        )  # fmt: skip
        for k in crowd:
            times = f"{k.p50_ms:.1f}", f"{k.p99_ms:.1f}", f"{k.in_time:.3f}"
            work = f"{k.forwards:.1f}", f"{k.rows:.0f}"
            table.add_row(str(k.sessions), str(k.ticks), *times, *work)
        tables.append(table)
    return tables


if __name__ == "__main__":
    typer.run(main)
