"""The plan of one forward: the order of its rows, and which rows attend together.

It is prepared once and used by every layer. Rows are ordered as their slots lie in memory, whatever
the order of the stretches, so that what attends together is a plain view of the queries.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import torch

from duologue.forward.few import FewRows
from duologue.forward.many import ManyRows
from duologue.forward.rows import Stretch
from duologue.forward.slot_rows import SlotRows, SlotWork
from duologue.kv.channel import Channel

MAX_FEW_ROWS = 12
"""A slot with more rows than this in one forward attends on its own: faster from there on."""


class AttentionPlan:
    """Built for one forward; it labels the cells that the forward is going to fill."""

    def __init__(self, stretches: Sequence[Stretch], num_heads: int, dtype: torch.dtype) -> None:
        works, last_rows = by_slot(stretches)
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
        self.parts = list(_parts(works, num_heads, dtype))
        """Together they cover all rows, in order."""


def by_slot(stretches: Sequence[Stretch]) -> tuple[list[SlotWork], list[int]]:
    """The work in each slot, ordered as slots lie in memory, and each stretch's last row."""
    found: dict[int, SlotWork] = {}
    banks: dict[int, int] = {}
    ends: list[tuple[SlotWork, int]] = []
    for stretch in stretches:
        work = found.setdefault(id(stretch.slot), SlotWork(stretch.slot))
        banks.setdefault(id(stretch.slot.bank), len(banks))
        work.tokens.extend(stretch.tokens)
        work.channels.extend([int(stretch.channel)] * len(stretch.tokens))
        work.positions.extend(stretch.positions)
        work.cells.extend(stretch.cells)
        ends.append((work, work.num_rows - 1))
    works = sorted(
        found.values(),
        key=lambda w: (banks[id(w.slot.bank)], w.num_rows > MAX_FEW_ROWS, w.slot.index),
    )
    starts, start = {}, 0
    for work in works:
        starts[id(work)] = start
        start += work.num_rows
    return works, [starts[id(work)] + row for work, row in ends]


def _parts(works: Sequence[SlotWork], num_heads: int, dtype: torch.dtype) -> Iterator[SlotRows]:
    start = 0
    for (_, few), members in groupby(works, key=_attends_with):
        together = list(members)
        if few:
            yield FewRows(together, start, dtype, num_heads)
            start += sum(work.num_rows for work in together)
            continue
        for work in together:
            yield ManyRows([work], start, dtype)
            start += work.num_rows


def _attends_with(work: SlotWork) -> tuple[int, bool]:
    return id(work.slot.bank), work.num_rows <= MAX_FEW_ROWS
