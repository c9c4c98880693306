"""The plan of one forward: the order of its rows, and which rows attend together.

It is prepared once and used by every layer. Rows are ordered by what they attend with, whatever the
order of the stretches, so that what attends together is a plain view of the queries.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import torch

from duologue.forward.few import FewRows
from duologue.forward.many import ManyRows
from duologue.forward.rows import Stretch
from duologue.forward.slot_rows import SlotRows, SlotWork
from duologue.kv.blocks import BlockPool
from duologue.kv.channel import Channel

MAX_FEW_ROWS = 12
"""A slot with more rows than this in one forward attends on its own: faster from there on."""


class AttentionPlan:
    """Built for one forward; it labels the cells that the forward is going to fill."""

    def __init__(
        self, stretches: Sequence[Stretch], pool: BlockPool, num_heads: int, dtype: torch.dtype
    ) -> None:
        works, last_rows = by_slot(stretches, _attends_with)
        for work in works:
            work.label_cells()
        self.tokens = [token for work in works for token in work.tokens]
        self.positions = [position for work in works for position in work.positions]
        self.input_rows = [
            row
            for row, channel in enumerate(channel for work in works for channel in work.channels)
            if channel == Channel.INPUT
        ]
        """The rows of input channels, in order."""
        self.last_rows = last_rows
        """The row of the last token of each stretch, in the order of the stretches."""
        self.parts = list(_parts(works, pool, num_heads, dtype))
        """Together they cover all rows, in order."""


def by_slot(
    stretches: Sequence[Stretch], key: Callable[[SlotWork], tuple[int, bool]] | None = None
) -> tuple[list[SlotWork], list[int]]:
    """The work in each slot, in order of appearance or of a key, and each stretch's last row."""
    found: dict[int, SlotWork] = {}
    ends: list[tuple[SlotWork, int]] = []
    for stretch in stretches:
        work = found.get(id(stretch.slot))
        if work is None:
            work = found[id(stretch.slot)] = SlotWork(stretch.slot)
        work.tokens.extend(stretch.tokens)
        work.channels.extend([int(stretch.channel)] * len(stretch.tokens))
        work.positions.extend(stretch.positions)
        work.cells.extend(stretch.cells)
        ends.append((work, work.num_rows - 1))
    works = list(found.values())
    if key is not None:
        works.sort(key=key)
    starts, start = {}, 0
    for work in works:
        starts[id(work)] = start
        start += work.num_rows
    return works, [starts[id(work)] + row for work, row in ends]


def size_class(num_entries: int) -> int:
    """A number of entries that is not much larger: slots of a class are filled up to the longest of
    them. Two classes per octave: 1, 2, 3, 4, 6, 8, 12, 16, ...
    """
    octave = 1 << max(0, (num_entries - 1).bit_length())
    return octave * 3 // 4 if octave > 2 and num_entries <= octave * 3 // 4 else octave


def _attends_with(work: SlotWork) -> tuple[int, bool]:
    return size_class(work.slot.num_entries), work.num_rows > MAX_FEW_ROWS


def _parts(
    works: Sequence[SlotWork], pool: BlockPool, num_heads: int, dtype: torch.dtype
) -> Iterator[SlotRows]:
    start = 0
    for (_, many), members in groupby(works, key=_attends_with):
        together = list(members)
        if not many:
            yield FewRows(together, start, pool, dtype, num_heads)
            start += sum(work.num_rows for work in together)
            continue
        for work in together:
            yield ManyRows([work], start, pool, dtype)
            start += work.num_rows
