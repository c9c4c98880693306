"""The pool of blocks: all key/value memory of a device, handed out in pieces of one size."""

import heapq
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from duologue.model.geometry import ModelGeometry
from duologue.model.huge_pages import HUGE_PAGE_BYTES, ask_for_huge_pages

CELLS_PER_BLOCK = 32
"""A power of two: as many bits as a word of the rule of the two channels has."""


class BlockPool:
    """Keys and values of `num_blocks` blocks, and how many hold each of them.

    Keys lie transposed: attention then sums whole rows of either tensor, rows that lie as they are
    read. Memory starts as zeros, never as whatever lay there: a masked cell is multiplied by zero,
    and zero times NaN would not be zero. On a processor it is taken from the system as it is first
    written to. Addresses never change.
    """

    def __init__(
        self,
        geometry: ModelGeometry,
        *,
        num_blocks: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        heads, dim = geometry.num_kv_heads, geometry.head_dim
        self.num_blocks = num_blocks
        self.keys: list[Tensor] = []  # per layer [blocks, kv_heads, dim, cells]
        self.values: list[Tensor] = []  # per layer [blocks, kv_heads, cells, dim]
        for _ in range(geometry.num_layers):
            self.keys.append(_zeros((num_blocks, heads, dim, CELLS_PER_BLOCK), device, dtype))
            self.values.append(_zeros((num_blocks, heads, CELLS_PER_BLOCK, dim), device, dtype))
        self._num_touched = 0  # blocks from here on were never used
        self._returned: list[int] = []  # a heap: blocks in use lie close together
        self._num_holders: dict[int, int] = {}

    @property
    def num_free(self) -> int:
        """Blocks that nobody holds."""
        return self.num_blocks - len(self._num_holders)

    def take(self) -> int:
        """A block that nobody held. There must be one."""
        assert self.num_free, "there is no free block"
        if self._returned:
            block = heapq.heappop(self._returned)
        else:
            block = self._num_touched
            self._num_touched += 1
        self._num_holders[block] = 1
        return block

    def hold(self, block: int) -> None:
        """One holder more of a block that somebody holds."""
        self._num_holders[block] += 1

    def release(self, block: int) -> None:
        """One holder less; after the last one the block is free."""
        self._num_holders[block] -= 1
        if self._num_holders[block] == 0:
            del self._num_holders[block]
            heapq.heappush(self._returned, block)

    def num_holders(self, block: int) -> int:
        """How many hold the block."""
        return self._num_holders[block]

    def copy(self, source: int, target: int) -> None:
        """Write the keys and values of one block into another."""
        for tensor in (*self.keys, *self.values):
            tensor[target] = tensor[source]

    def check_integrity(self, holders: Sequence[int]) -> None:
        """Assert that `holders`, a block for each time that somebody holds one, are all."""
        assert Counter(holders) == self._num_holders, "holders that are not there, or not known"
        free = set(range(self._num_touched)) - set(self._num_holders)
        assert sorted(self._returned) == sorted(free), "blocks lost or doubled"


def _zeros(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    if device.type != "cpu":
        return torch.zeros(shape, device=device, dtype=dtype)
    # As bytes from numpy, which asks the system for pages that are zero when they are first used;
    # torch would write all of them. They begin with a page: a row is not to lie across lines of a
    # cache.
    count = int(np.prod(shape)) * dtype.itemsize
    memory = torch.from_numpy(np.zeros(count + HUGE_PAGE_BYTES, dtype=np.uint8))
    memory = memory[-memory.data_ptr() % HUGE_PAGE_BYTES :][:count]
    ask_for_huge_pages(memory)
    return memory.view(dtype).view(shape)
