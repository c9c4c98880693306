"""The attention plan of one forward: which rows meet which cells.

It is prepared once and used by every layer. Rows are put into groups. A group is a run of
neighbouring slots of one bank, so that its keys and values are plain views; each slot brings the
same number of rows (missing ones are padding, whose results are dropped). A slot with many rows (a
prefill) forms a group of its own, so that padding never grows with the longest session times all
sessions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from duologue.forward.rows import Stretch
from duologue.kv.bank import Bank
from duologue.kv.channel import Channel
from duologue.kv.slot import Slot

MERGED_ROWS = 8
"""A slot with more rows than this in one forward is attended to on its own."""

MERGED_GAP = 2
"""So many slots without rows between two with rows are computed along rather than split off."""


@dataclass(slots=True, eq=False)
class Group:
    """Slots `first` to `last` of a bank and the rows that attend to them."""

    bank: Bank
    first: int
    last: int  # exclusive
    row_of: Tensor  # [slots, rows per slot]: index of the row in the batch; 0 for padding
    places: Tensor  # [rows]: place of each real row in row_of, flattened
    rows: Tensor  # [rows]: the real rows, in the order of `places`
    extent: int  # cells that are looked at: none of these slots uses a higher one
    visible: Tensor  # bool [slots, rows per slot, extent]
    row_positions: Tensor  # [slots, rows per slot]

    @property
    def num_slots(self) -> int:
        return self.last - self.first


@dataclass(slots=True, eq=False)
class BankWrite:
    """Where the new keys and values of a bank's rows go."""

    bank: Bank
    rows: Tensor  # [rows]: index in the batch
    slots: Tensor  # [rows]
    cells: Tensor  # [rows]


class AttentionPlan:
    """Built once per forward; all layers with the same sliding window share a mask."""

    def __init__(self, stretches: Sequence[Stretch], dtype: torch.dtype) -> None:
        self.dtype = dtype
        by_slot = _rows_by_slot(stretches)
        self.writes = list(_write_and_label(by_slot))
        self.groups = [_group(members) for members in _partition(by_slot)]
        self._bias: dict[tuple[int, int | None], Tensor] = {}

    def bias(self, index: int, window: int | None) -> Tensor:
        """Additive mask of group `index`, 0 or -inf, [slots, 1, rows per slot, 1, cells]."""
        key = (index, window)
        if key not in self._bias:
            group = self.groups[index]
            visible = group.visible
            if window is not None:
                positions = group.bank.positions[group.first : group.last, None, : group.extent]
                visible = visible & (positions > group.row_positions[:, :, None] - window)
            bias = torch.zeros(visible.shape, dtype=self.dtype, device=visible.device)
            self._bias[key] = bias.masked_fill_(~visible, float("-inf"))[:, None, :, None, :]
        return self._bias[key]


@dataclass(slots=True, eq=False)
class _SlotRows:
    slot: Slot
    rows: list[int]
    channels: list[int]
    positions: list[int]
    cells: list[int]


def _rows_by_slot(stretches: Sequence[Stretch]) -> list[_SlotRows]:
    """The rows of each slot, ordered as the slots lie in memory: bank by bank, by index."""
    found: dict[int, _SlotRows] = {}
    row = 0
    for stretch in stretches:
        entry = found.setdefault(id(stretch.slot), _SlotRows(stretch.slot, [], [], [], []))
        count = len(stretch.tokens)
        entry.rows.extend(range(row, row + count))
        entry.channels.extend([int(stretch.channel)] * count)
        entry.positions.extend(stretch.positions)
        entry.cells.extend(stretch.cells)
        row += count
    return sorted(found.values(), key=lambda entry: (id(entry.slot.bank), entry.slot.index))


def _write_and_label(by_slot: Sequence[_SlotRows]) -> Iterator[BankWrite]:
    """Label the cells that this forward fills, before anything looks at the labels."""
    for _, entries in groupby(by_slot, key=lambda entry: id(entry.slot.bank)):
        members = list(entries)
        bank = members[0].slot.bank
        device = bank.owners.device
        slots = torch.tensor([m.slot.index for m in members for _ in m.rows], device=device)
        cells = torch.tensor([cell for m in members for cell in m.cells], device=device)
        owners = torch.tensor(
            [c for m in members for c in m.channels], dtype=torch.int32, device=device
        )
        positions = torch.tensor(
            [p for m in members for p in m.positions], dtype=torch.int32, device=device
        )
        bank.owners[slots, cells] = owners
        bank.positions[slots, cells] = positions
        rows = torch.tensor([row for m in members for row in m.rows], device=device)
        yield BankWrite(bank, rows, slots, cells)


def _partition(by_slot: Sequence[_SlotRows]) -> Iterator[list[_SlotRows]]:
    """Runs of neighbouring slots with few rows; every slot with many rows alone."""
    run: list[_SlotRows] = []
    for entry in by_slot:
        if len(entry.rows) > MERGED_ROWS:
            yield [entry]
            continue
        if run and not _close(run[-1].slot, entry.slot):
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


def _close(left: Slot, right: Slot) -> bool:
    return left.bank is right.bank and right.index - left.index - 1 <= MERGED_GAP


def _group(members: Sequence[_SlotRows]) -> Group:
    bank = members[0].slot.bank
    device = bank.owners.device
    first, last = members[0].slot.index, members[-1].slot.index + 1
    width = max(len(member.rows) for member in members)
    size = (last - first) * width
    row_of, channels, positions, places = [0] * size, [int(Channel.TRUNK)] * size, [-1] * size, []
    for member in members:
        start = (member.slot.index - first) * width
        for offset, row in enumerate(member.rows):
            row_of[start + offset] = row
            channels[start + offset] = member.channels[offset]
            positions[start + offset] = member.positions[offset]
            places.append(start + offset)
    shape = (last - first, width)
    row_positions = torch.tensor(positions, device=device, dtype=torch.int32).view(shape)
    extent = max(member.slot.extent for member in members)
    row_channels = torch.tensor(channels, device=device, dtype=torch.int32).view(shape)
    return Group(
        bank=bank,
        first=first,
        last=last,
        row_of=torch.tensor(row_of, device=device).view(shape),
        places=torch.tensor(places, device=device),
        rows=torch.tensor([row for member in members for row in member.rows], device=device),
        extent=extent,
        visible=_visible(
            bank.owners[first:last, None, :extent],
            bank.positions[first:last, None, :extent],
            row_channels[:, :, None],
            row_positions[:, :, None],
        ),
        row_positions=row_positions,
    )


def _visible(owners: Tensor, cells: Tensor, channels: Tensor, rows: Tensor) -> Tensor:
    """The rule of the two channels.

    A row sees a cell of the trunk or of its own channel that is not later than itself. Padding has
    position -1 and sees nothing.

    owners and cells: owner and position of each cell, [slots, 1, cells]; channels and rows: channel
    and position of each row, [slots, rows, 1]; result: bool [slots, rows, cells].
    """
    own = (owners == int(Channel.TRUNK)) | (owners == channels)
    return own & (cells <= rows)
