"""Key/value memory: how much of what sessions hold is in use, and how many fit.

    python -m benchmarks.memory
    python -m benchmarks.memory --sessions 8,64 --contexts 100,512 --budget-mib 4096

Of Llama-3-8B's sizes in bfloat16. Contexts are the tokens that each session has said; "mixed" is
conversations of all ages, from none to 2,048 tokens. Nothing is computed and no page of the memory
is touched: it is counted.
"""

from collections.abc import Sequence
from random import Random
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from duologue.errors import KVMemoryExhausted
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory, Opening
from duologue.model.geometry import ModelGeometry

LLAMA_3_8B = ModelGeometry(32, 32, 8, 128, 4096, 128256, 8192)
MIXED = "mixed"
SEED = 7
TABLE_WIDTH = 100


def main(
    sessions: Annotated[str, typer.Option(help="Numbers of sessions.")] = "1,5,16,64",
    contexts: Annotated[
        str, typer.Option(help=f"Tokens of each session; '{MIXED}' for all ages.")
    ] = f"100,250,500,1000,{MIXED}",
    prompt: Annotated[int, typer.Option(help="Tokens of a system prompt that all share.")] = 1000,
    budget_mib: Annotated[int, typer.Option(help="The memory for all of them.")] = 16384,
) -> None:
    """Print what is used of what is held, what a shared prompt takes, and how many fit."""
    table = Table("sessions", "tokens of each", "used, MiB", "held, MiB", "used share")
    for count in (int(number) for number in sessions.split(",")):
        for context in contexts.split(","):
            memory = _memory(budget_mib)
            _fill(memory, _lengths(count, context))
            used = memory.num_cells_used * memory.cell_bytes
            share = used / memory.held_bytes
            cells = (str(count), context, _mib(used), _mib(memory.held_bytes), f"{share:.3f}")
            table.add_row(*cells)
    console = Console(width=max(Console().width, TABLE_WIDTH))
    console.print(table)
    console.print(_shared(budget_mib, prompt, 64))
    console.print(_until_refused(budget_mib))


def _memory(budget_mib: int) -> KVMemory:
    return KVMemory(LLAMA_3_8B, budget_bytes=budget_mib << 20, dtype=torch.bfloat16)


def _lengths(count: int, context: str) -> Sequence[int]:
    random = Random(SEED)
    return [random.randint(1, 2048) if context == MIXED else int(context) for _ in range(count)]


def _fill(memory: KVMemory, lengths: Sequence[int]) -> None:
    for length in lengths:
        slot, _ = memory.open()
        memory.take(slot, length)


def _shared(budget_mib: int, num_tokens: int, count: int) -> str:
    """Sessions that begin with the same instructions, and have said 100 tokens behind them."""
    held = []
    for scope in ("all", None):
        memory = _memory(budget_mib)
        for _ in range(count):
            opening = Opening(scope, range(num_tokens)) if scope is not None else None
            slot, cells = memory.open(opening)
            more = memory.take(slot, num_tokens - len(cells))
            slot.place(more, [Channel.TRUNK] * len(more), range(len(cells), num_tokens))
            if opening is not None:
                memory.share(slot, opening, [*cells, *more])
            memory.take(slot, 100)
        held.append(memory.held_bytes)
    return (
        f"{count} sessions with a prompt of {num_tokens} tokens and 100 behind it: "
        f"{_mib(held[0])} MiB held, {_mib(held[1])} MiB without sharing"
    )


def _until_refused(budget_mib: int) -> str:
    """Short sessions one after the other, until there is no room for another one."""
    memory, random, count = _memory(budget_mib), Random(SEED), 0
    try:
        while True:
            slot, _ = memory.open()
            memory.take(slot, random.randint(100, 600))
            count += 1
    except KVMemoryExhausted:
        share = memory.num_cells_used * memory.cell_bytes / memory.budget_bytes
    return f"sessions of 100 to 600 tokens: {count} fit, with {share:.3f} of the budget in use"


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f}"


if __name__ == "__main__":
    typer.run(main)
