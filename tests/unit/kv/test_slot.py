"""Tables and labels of a slot."""

from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.channel import FREE, Channel
from duologue.kv.slot import HOLE, Slot


def test_a_table_grows_and_keeps_what_it_has() -> None:
    slot = Slot()
    slot.extend(1)
    slot.put(0, 5)
    slot.place([3], [Channel.INPUT], [7])
    before = slot.addresses
    slot.extend(40)
    assert slot.addresses != before
    assert slot.table.tolist() == [5] + [HOLE] * 40
    assert (slot.owners[3], slot.positions[3]) == (Channel.INPUT, 7)
    assert set(slot.owners.tolist()) == {Channel.INPUT, FREE}
    assert len(slot.free_cells) == 41 * CELLS_PER_BLOCK
    assert slot.free_cells[-1] == 0


def test_holes_at_the_end_are_dropped_with_their_cells() -> None:
    slot = Slot()
    slot.extend(3)
    slot.put(0, 5)
    slot.shorten()
    assert slot.num_entries == 1
    assert sorted(slot.free_cells) == list(range(CELLS_PER_BLOCK))


def test_labels_of_many_cells_are_those_of_each() -> None:
    for count in (1, 4, 5, 30):
        slot = Slot()
        slot.extend(1)
        cells = list(range(1, 1 + count))
        slot.place(cells, [Channel.OUTPUT] * count, range(9, 9 + count))
        assert [int(slot.positions[cell]) for cell in cells] == list(range(9, 9 + count))
        assert (slot.owners == Channel.OUTPUT).sum() == count
        slot.label(cells, FREE)
        assert (slot.owners == FREE).all()
