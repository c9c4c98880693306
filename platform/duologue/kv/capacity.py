"""Capacity classes: how many cells a slot has.

Slots of one class lie side by side in one tensor, so that attention over many sessions is one batched
matrix product over whole rows: an operand that has to be cut to the used length falls off the
processor's fast path. Few classes mean large batches, many classes little padding; eight steps of
a quarter to a half each are the compromise that measured best (`benchmarks/forward.py`).
"""

from itertools import count

SPARE_CELLS = 64
"""Every class is a round number and a bit, so that a round context has room for what is being said."""

SMALLEST = 128
"""The round part of the smallest class."""


def capacity_for(cells: int) -> int:
    """The smallest capacity that holds `cells`: 192, 256 (twice a power of two or three, plus the spare)."""
    assert cells >= 0, cells
    for exponent in count():
        for round_cells in (SMALLEST << exponent, (SMALLEST << exponent) * 3 // 2):
            if round_cells + SPARE_CELLS >= cells:
                return round_cells + SPARE_CELLS
    raise AssertionError("unreachable")
