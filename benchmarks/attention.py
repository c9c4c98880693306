"""Attention in C against torch's: milliseconds of one layer, on one thread.

    python -m benchmarks.attention
    python -m benchmarks.attention --sessions 32 --cells 512 --rows 1,2

Of the bundled model's shape in bfloat16. A layer writes its rows' keys and values and attends;
there are so many layers that none finds its cells in a cache, as in a forward. Contenders take
turns, and the fastest layer of a turn counts: the others were interrupted. Rows of a session are
of its two channels by turns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.priority import undisturbed
from duologue.forward.few import FewRows
from duologue.forward.many import ManyRows
from duologue.forward.native.attention import NativePlan
from duologue.forward.native.library import load_library
from duologue.forward.native.structures import TYPES, AttentionLayerStruct
from duologue.forward.native.variants import runnable_variants
from duologue.forward.plan import MAX_FEW_ROWS
from duologue.forward.slot_rows import SlotRows, SlotWork
from duologue.kv.blocks import CELLS_PER_BLOCK, BlockPool
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.model.geometry import ModelGeometry

HEADS, KV_HEADS, DIM = 9, 3, 64
DTYPE = torch.bfloat16
TABLE_WIDTH = 100
POOL_BYTES = 1 << 27
"""Keys and values of all layers together: several times what a cache holds."""


@dataclass(frozen=True, slots=True)
class Shape:
    sessions: int
    cells: int
    rows: int
    """Of each session."""

    @property
    def layer_bytes(self) -> int:
        """What attention has to read at the least."""
        return 2 * self.sessions * (self.cells + self.rows) * KV_HEADS * DIM * DTYPE.itemsize

    @property
    def num_layers(self) -> int:
        return max(2, POOL_BYTES // self.layer_bytes)


def main(
    sessions: Annotated[str, typer.Option(help="Numbers of sessions.")] = "1,8,32,64",
    cells: Annotated[str, typer.Option(help="Cells of context per session.")] = "256,512,1024",
    rows: Annotated[str, typer.Option(help="Rows per session.")] = "1,2,6",
    rounds: Annotated[int, typer.Option(help="Rounds in which everybody takes a turn.")] = 7,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Measure at real-time priority (Linux, root).")
    ] = False,
) -> None:
    """Measure torch's attention and each variant of the one in C that runs here."""
    torch.set_num_threads(1)
    names = [variant.name for variant in runnable_variants()]
    table = Table("sessions", "cells", "rows", "torch", *names, f"torch / {names[0]}", "GB/s")
    for count in _numbers(sessions):
        for context in _numbers(cells):
            for per_session in _numbers(rows):
                shape = Shape(count, context, per_session)
                took = measure(shape, rounds, realtime)
                table.add_row(*_cells(shape, took, names[0]))
    Console(width=max(Console().width, TABLE_WIDTH)).print(table)


def measure(shape: Shape, rounds: int, realtime: bool) -> dict[str, list[float]]:
    """Milliseconds per layer of each contender, round by round."""
    contenders = prepare(shape)
    took: dict[str, list[float]] = {name: [] for name in contenders}
    with undisturbed(realtime), torch.inference_mode():
        for number in range(rounds + 1):
            for name, run_layer in contenders.items():
                took[name].append(min(_ms(run_layer, layer) for layer in range(shape.num_layers)))
            if number == 0:
                took = {name: [] for name in contenders}  # everybody has warmed up
    return took


def _ms(run_layer: Callable[[int], object], layer: int) -> float:
    began = perf_counter()
    run_layer(layer)
    return (perf_counter() - began) * 1000


def prepare(shape: Shape) -> Mapping[str, Callable[[int], object]]:
    """Who takes part, on the same cells and the same rows."""
    geometry = ModelGeometry(shape.num_layers, HEADS, KV_HEADS, DIM, HEADS * DIM, 10, 1 << 20)
    num_cells = shape.sessions * (shape.cells + shape.rows + CELLS_PER_BLOCK)
    budget = num_cells * geometry.bytes_per_cell(DTYPE)
    memory = KVMemory(geometry, budget_bytes=budget, dtype=DTYPE)
    works = [_work(memory, shape) for _ in range(shape.sessions)]
    for tensor in (*memory.pool.keys, *memory.pool.values):
        tensor.normal_()
    num_rows = shape.sessions * shape.rows
    fused = torch.randn(num_rows, HEADS + 2 * KV_HEADS, DIM).to(DTYPE)
    contenders = {"torch": _torch_layer(works, memory.pool, fused)}
    for variant in runnable_variants():
        plan = NativePlan(works, memory.pool, HEADS, load_library(variant).functions)
        contenders[variant.name] = _native_layer(plan, memory.pool, fused)
    return contenders


def _work(memory: KVMemory, shape: Shape) -> SlotWork:
    """A session with a trunk of `cells`, and rows that see it and their own channel."""
    slot, _ = memory.open()
    trunk = memory.take(slot, shape.cells)
    slot.place(trunk, [Channel.TRUNK] * shape.cells, range(shape.cells))
    numbers = range(shape.rows)
    return SlotWork(
        slot,
        tokens=[0] * shape.rows,
        channels=[(Channel.OUTPUT, Channel.INPUT)[number % 2] for number in numbers],
        positions=[shape.cells + number // 2 for number in numbers],
        cells=memory.take(slot, shape.rows),
    )


def _torch_layer(works: list[SlotWork], pool: BlockPool, fused: Tensor) -> Callable[[int], object]:
    parts: list[SlotRows] = []
    for work in works:
        work.label_cells()
    if works[0].num_rows <= MAX_FEW_ROWS:
        parts.append(FewRows(works, 0, pool, DTYPE, HEADS))
    else:
        for number, work in enumerate(works):
            parts.append(ManyRows([work], number * work.num_rows, pool, DTYPE))
    queries, keys, values = fused.split((HEADS, KV_HEADS, KV_HEADS), dim=1)

    def run(layer: int) -> None:
        for part in parts:
            rows = slice(part.start, part.end)
            part.write(layer, keys[rows], values[rows])
            part.attend(layer, queries[rows], None, None)

    return run


def _native_layer(plan: NativePlan, pool: BlockPool, fused: Tensor) -> Callable[[int], object]:
    """Everything is prepared, as a forward in C prepares it."""
    results = torch.empty(len(fused), HEADS * DIM, dtype=DTYPE)
    visible = plan.visible(None)
    layers = [
        AttentionLayerStruct(
            keys=keys.data_ptr(),
            values=values.data_ptr(),
            visible=visible.data_ptr(),
            queries=fused.data_ptr(),
            new_keys=fused[:, HEADS:].data_ptr(),
            new_values=fused[:, HEADS + KV_HEADS :].data_ptr(),
            row_stride=fused.stride(0),
            input_type=TYPES[DTYPE],
            scale=1.0,
            result_type=TYPES[DTYPE],
            results=results.data_ptr(),
            result_stride=HEADS * DIM,
        )
        for keys, values in zip(pool.keys, pool.values, strict=True)
    ]

    def run(layer: int) -> None:
        plan.attend(layers[layer])

    # Structures hold addresses only: the tensors live as long as the function.
    run.tensors = fused, results, visible  # type: ignore[attr-defined]
    return run


def _cells(shape: Shape, took: Mapping[str, list[float]], best: str) -> list[str]:
    ratios = [torch_ms / ms for torch_ms, ms in zip(took["torch"], took[best], strict=True)]
    return [
        str(shape.sessions),
        str(shape.cells),
        str(shape.rows),
        *(f"{min(times):.3f}" for times in took.values()),
        f"{median(ratios):.1f}",
        f"{shape.layer_bytes / min(took[best]) / 1e6:.0f}",
    ]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    typer.run(main)
