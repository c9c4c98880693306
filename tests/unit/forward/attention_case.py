"""Random work for attention in C: slots with any labels, and rows in any of them."""

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from duologue.forward.native.attention import NativePlan
from duologue.forward.native.library import Library
from duologue.forward.native.structures import TYPES, AttentionLayerStruct
from duologue.forward.slot_rows import SlotWork
from duologue.forward.visibility import visible_cells
from duologue.kv.blocks import CELLS_PER_BLOCK, BlockPool
from duologue.kv.channel import Channel
from duologue.kv.slot import Slot
from duologue.model.geometry import ModelGeometry

HEAD_DIMS = (16, 32, 64, 80, 96, 128, 256)
SLOT_ROWS = (1, 1, 2, 2, 3, 6, 17, 40)
WINDOWS = (None, None, 1, 40)
_LAST_POSITION = 300


@dataclass(eq=False)
class AttentionCase:
    """Rows of one forward in a pool of one layer, which holds their keys and values already."""

    pool: BlockPool
    works: list[SlotWork]
    queries: Tensor  # [rows, heads, dim]
    window: int | None

    @property
    def num_rows(self) -> int:
        return len(self.queries)

    def plan(self, library: Library, works: list[SlotWork] | None = None) -> NativePlan:
        num_heads = self.queries.shape[1]
        return NativePlan(works or self.works, self.pool, num_heads, library.functions)

    def attend(self, library: Library) -> Tensor:
        """All rows together, results in float32."""
        return self.run(self.plan(library), self.queries)

    def run(self, plan: NativePlan, queries: Tensor) -> Tensor:
        """Results in float32 of queries whose keys and values are in their cells."""
        results = torch.empty(queries.shape)
        visible = plan.visible(self.window)
        plan.attend(self.layer(queries, results, visible))
        return results

    def layer(self, queries: Tensor, results: Tensor, visible: Tensor) -> AttentionLayerStruct:
        return AttentionLayerStruct(
            keys=self.pool.keys[0].data_ptr(),
            values=self.pool.values[0].data_ptr(),
            visible=visible.data_ptr(),
            queries=queries.data_ptr(),
            row_stride=queries.stride(0),
            input_type=TYPES[queries.dtype],
            scale=1.0,
            result_type=TYPES[results.dtype],
            results=results.data_ptr(),
            result_stride=results.stride(0),
        )

    def alone(self, library: Library, row: int) -> Tensor:
        """One row without the others; they are in the pool all the same."""
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
        return self.run(self.plan(library, [single]), self.queries[row : row + 1])

    def exact(self) -> tuple[Tensor, Tensor]:
        """In float64: results, and the same of absolute values, which errors are measured by."""
        group = self.queries.shape[1] // self.pool.keys[0].shape[1]
        results, sizes = [], []
        for work in self.works:
            work.label_cells()
            first = self._first_row(work)
            seen = visible_cells(
                torch.from_numpy(work.slot.owners).expand(work.num_rows, -1),
                torch.from_numpy(work.slot.positions).expand(work.num_rows, -1),
                torch.tensor(work.channels),
                torch.tensor(work.positions),
                self.window,
            )
            table = torch.from_numpy(work.slot.table).clamp(min=0)
            # [heads, dim, cells] and [heads, cells, dim]
            keys = torch.cat(self.pool.keys[0][table].unbind(), dim=2).double()
            values = torch.cat(self.pool.values[0][table].unbind(), dim=1).double()
            keys, values = (t.repeat_interleave(group, 0) for t in (keys, values))
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
    pool = BlockPool(geometry, num_blocks=4 * longest, device=torch.device("cpu"), dtype=dtype)
    # What lies in free cells is of the past, and finite.
    pool.keys[0].copy_(torch.randn(pool.keys[0].shape, generator=generator))
    pool.values[0].copy_(torch.randn(pool.values[0].shape, generator=generator))
    blocks = random.sample(range(pool.num_blocks), pool.num_blocks)
    works = [_random_work(blocks, longest, random) for _ in range(random.randint(1, 4))]
    rows = sum(work.num_rows for work in works)
    # As large as scores get: weights are of one cell as well as of hundreds.
    size = random.choice((0.1, 1.0, 3.0)) * dim**-0.5
    queries = (torch.randn(rows, num_heads, dim, generator=generator) * size).to(dtype)
    return AttentionCase(pool, works, queries, random.choice(WINDOWS))


def _random_work(blocks: list[int], longest: int, random: Random) -> SlotWork:
    """Rows in a slot whose cells are labelled at random, trunk or no trunk.

    Its blocks are taken from the list; entries without a cell in use are holes.
    """
    slot = Slot()
    slot.extend(random.randint(2, longest))
    num_rows = random.choice(SLOT_ROWS)
    owners = random.choice(([0], [1, 2], [0, 1, 2, 3], [3], [0, 0, 0, 1, 2]))
    extent = random.randint(num_rows, len(slot.owners))
    cells = random.sample(range(extent), random.randint(num_rows, extent))
    for cell in cells[num_rows:]:
        slot.owners[cell] = random.choice(owners)
        slot.positions[cell] = random.randint(0, _LAST_POSITION)
    for entry in {cell // CELLS_PER_BLOCK for cell in cells}:
        slot.put(entry, blocks.pop())
    return SlotWork(
        slot,
        tokens=[0] * num_rows,
        channels=[random.choice((Channel.INPUT, Channel.OUTPUT)) for _ in range(num_rows)],
        positions=[random.randint(0, _LAST_POSITION) for _ in range(num_rows)],
        cells=cells[:num_rows],
    )
