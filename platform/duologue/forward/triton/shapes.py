"""The sizes that kernels are compiled for."""

from dataclasses import dataclass

NARROW_TILE = 16
"""Lines of queries that a program multiplies at the least. A row has a line per query head."""

WIDE_TILE = 64
"""For slots with many rows, such as a prefill: their blocks are read fewer times."""

MAX_PARTS = 32
"""Parts of a context at the most."""


@dataclass(frozen=True, slots=True)
class HeadShape:
    """The heads of a model."""

    kv_heads: int
    group: int
    """Query heads that share a key head."""
    dim: int

    @property
    def heads(self) -> int:
        return self.kv_heads * self.group

    @property
    def dim_tile(self) -> int:
        return max(16, power_of_two(self.dim))

    def tile(self, rows_in_a_slot: int) -> int:
        """Lines of a program, where no slot has more rows than this.

        The narrow one has room for both channels of a session at the least.
        """
        narrow = max(NARROW_TILE, power_of_two(2 * self.group))
        if rows_in_a_slot <= 2 * (narrow // self.group):
            return narrow
        return max(WIDE_TILE, 2 * narrow)

    def rows_per_item(self, tile: int) -> int:
        """Rows of one slot that a program takes together."""
        return tile // self.group


@dataclass(frozen=True, slots=True)
class AttentionShape:
    """How the attention of a forward is cut into programs."""

    num_items: int
    tile: int
    num_parts: int


def parts_of(num_items: int, kv_heads: int, wanted_programs: int, longest_entries: int) -> int:
    """Into how many parts each context is cut, so that there are programs for the whole device."""
    wanted = -(-wanted_programs // max(1, num_items * kv_heads))
    return max(1, min(MAX_PARTS, power_of_two(wanted), power_of_two(longest_entries)))


def power_of_two(number: int) -> int:
    """The smallest one that is not below the number."""
    return 1 << max(0, number - 1).bit_length()
