"""A slot: the key/value memory that one session holds on a device."""

from dataclasses import dataclass, field

from duologue.kv.bank import Bank


@dataclass(slots=True, eq=False)
class Slot:
    """A place in a bank, changed by `KVMemory` alone.

    A growing slot moves to another bank and stays the same object.
    """

    bank: Bank
    index: int
    free_cells: list[int] = field(default_factory=list)
    """Descending, so that pop() gives the lowest."""

    @property
    def capacity(self) -> int:
        return self.bank.capacity

    @property
    def num_used(self) -> int:
        return self.capacity - len(self.free_cells)

    @property
    def extent(self) -> int:
        """One past the highest cell in use: attention reads no further.

        The highest free cells are `capacity - 1, capacity - 2, ...` at the head of the descending
        list; where that sequence ends is found by bisection.
        """
        low, high = 0, len(self.free_cells)
        while low < high:
            middle = (low + high) // 2
            if self.free_cells[middle] == self.capacity - 1 - middle:
                low = middle + 1
            else:
                high = middle
        return self.capacity - low
