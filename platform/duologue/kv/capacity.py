"""Capacity classes: how many cells a slot has.

Slots of one class lie side by side in one tensor, so that attention over many sessions is one
batched matrix product. Few classes mean large batches, many classes little padding; the two
classes per octave here are 1.25 to 1.5 times apart.
"""

from itertools import count

SPARE_CELLS = 64
"""Every class is a round number and a bit: a round context has room for what is being said."""

SMALLEST = 128
"""The round part of the smallest class."""


def capacity_for(cells: int) -> int:
    """The smallest class that holds `cells`: 192, 256, 320, 448, 576, 832, 1088, ... cells."""
    assert cells >= 0, cells
    for exponent in count():
        for round_cells in (SMALLEST << exponent, (SMALLEST << exponent) * 3 // 2):
            if round_cells + SPARE_CELLS >= cells:
                return round_cells + SPARE_CELLS
    raise AssertionError("unreachable")
