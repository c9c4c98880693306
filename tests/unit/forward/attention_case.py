"""Random work for attention in C: banks with any labels, and rows in any of their slots."""

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from duologue.forward.native.attention import NativeRows
from duologue.forward.native.library import Library
from duologue.forward.native.structures import CELL_BLOCK, TYPES, LayerStruct
from duologue.forward.slot_rows import SlotWork
from duologue.forward.visibility import visible_cells
from duologue.kv.bank import Bank
from duologue.kv.channel import Channel
from duologue.kv.slot import Slot
from duologue.model.geometry import ModelGeometry

HEAD_DIMS = (16, 32, 64, 80, 96, 128, 256)
SLOT_ROWS = (1, 1, 2, 2, 3, 6, 17, 40)
WINDOWS = (None, None, 1, 40)
_LAST_POSITION = 300


@dataclass(eq=False)
class AttentionCase:
    """Rows of one forward in one bank of one layer, which holds their keys and values already."""

    works: list[SlotWork]
    queries: Tensor  # [rows, heads, dim]
    window: int | None

    @property
    def bank(self) -> Bank:
        return self.works[0].slot.bank

    @property
    def num_rows(self) -> int:
        return len(self.queries)

    def native_rows(self, library: Library, works: list[SlotWork] | None = None) -> NativeRows:
        num_heads = self.queries.shape[1]
        return NativeRows(works or self.works, 0, self.queries.dtype, num_heads, library.functions)

    def attend(self, library: Library) -> Tensor:
        """All rows together, results in float32."""
        return attend(self.native_rows(library), self.queries, self.window)

    def alone(self, library: Library, row: int) -> Tensor:
        """One row without the others; they are in the bank all the same."""
        work, number = next(
            (work, number)
            for work in self.works
            for number in range(work.num_rows)
            if self._first_row(work) + number == row
        )
        one = slice(number, number + 1)
        single = SlotWork(
            work.slot, work.tokens[one], work.channels[one], work.positions[one], work.cells[one]
        )
        rows = self.native_rows(library, [single])
        return attend(rows, self.queries[row : row + 1], self.window)

    def exact(self) -> tuple[Tensor, Tensor]:
        """In float64: results, and the same of absolute values, which errors are measured by."""
        bank, group = self.bank, self.queries.shape[1] // self.bank.keys[0].shape[1]
        results, sizes = [], []
        for work in self.works:
            slot, first = work.slot.index, self._first_row(work)
            seen = visible_cells(
                bank.owners[slot].expand(work.num_rows, -1),
                bank.positions[slot].expand(work.num_rows, -1),
                torch.tensor(work.channels),
                torch.tensor(work.positions),
                self.window,
            )
            keys = bank.keys[0][slot].double().repeat_interleave(group, 0)  # [heads, dim, cells]
            values = bank.values[0][slot].double().repeat_interleave(group, 0)
            queries = self.queries[first : first + work.num_rows].double().transpose(0, 1)
            scores = (queries @ keys).masked_fill(~seen, -torch.inf)
            weights = scores.softmax(-1)  # [heads, rows, cells]
            results.append((weights @ values).transpose(0, 1))
            sizes.append((weights @ values.abs()).transpose(0, 1))
        return torch.cat(results), torch.cat(sizes)

    def _first_row(self, work: SlotWork) -> int:
        return sum(other.num_rows for other in self.works[: self.works.index(work)])


def random_case(seed: int, dtype: torch.dtype) -> AttentionCase:
    random, generator = Random(seed), torch.Generator().manual_seed(seed)
    kv_heads, dim = random.randint(1, 3), random.choice(HEAD_DIMS)
    num_heads = kv_heads * random.choice((1, 2, 3, 4, 7, 20))
    geometry = ModelGeometry(1, num_heads, kv_heads, dim, num_heads * dim, 10, _LAST_POSITION)
    longest = 90 if dim > 128 else random.choice((2, 10, 20, 30, 75))
    capacity = CELL_BLOCK * random.randint(2, longest)
    num_slots = random.randint(1, 4)
    bank = Bank(
        geometry,
        num_slots=num_slots,
        capacity=capacity,
        device=torch.device("cpu"),
        dtype=dtype,
    )
    # What lies in free cells is of the past, and finite.
    bank.keys[0].copy_(torch.randn(bank.keys[0].shape, generator=generator))
    bank.values[0].copy_(torch.randn(bank.values[0].shape, generator=generator))
    works = [
        _random_work(bank, index, random)
        for index in sorted(random.sample(range(num_slots), random.randint(1, num_slots)))
    ]
    rows = sum(work.num_rows for work in works)
    # As large as scores get: weights are of one cell as well as of hundreds.
    size = random.choice((0.1, 1.0, 3.0)) * dim**-0.5
    queries = (torch.randn(rows, num_heads, dim, generator=generator) * size).to(dtype)
    return AttentionCase(works, queries, random.choice(WINDOWS))


def _random_work(bank: Bank, index: int, random: Random) -> SlotWork:
    """Rows in a slot whose cells are labelled at random, trunk or no trunk."""
    num_rows = random.choice(SLOT_ROWS)
    owners = random.choice(([0], [1, 2], [0, 1, 2, 3], [3], [0, 0, 0, 1, 2]))
    extent = random.randint(num_rows, bank.capacity)
    cells = random.sample(range(extent), random.randint(num_rows, extent))
    for cell in cells[num_rows:]:
        bank.owners[index, cell] = random.choice(owners)
        bank.positions[index, cell] = random.randint(0, _LAST_POSITION)
    free = sorted(set(range(bank.capacity)) - set(cells), reverse=True)
    return SlotWork(
        Slot(bank, index, free),
        tokens=[0] * num_rows,
        channels=[random.choice((Channel.INPUT, Channel.OUTPUT)) for _ in range(num_rows)],
        positions=[random.randint(0, _LAST_POSITION) for _ in range(num_rows)],
        cells=cells[:num_rows],
    )


def attend(rows: NativeRows, queries: Tensor, window: int | None) -> Tensor:
    """Results in float32 of queries whose keys and values are in their cells."""
    results = torch.empty(queries.shape)
    rows.run(0, layer_struct(queries, results), window, None)
    return results


def layer_struct(queries: Tensor, results: Tensor) -> LayerStruct:
    return LayerStruct(
        queries=queries.data_ptr(),
        row_stride=queries.stride(0),
        input_type=TYPES[queries.dtype],
        scale=1.0,
        result_type=TYPES[results.dtype],
        results=results.data_ptr(),
        result_stride=results.stride(0),
    )
