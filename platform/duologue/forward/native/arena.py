"""Memory for packed weights, in large pieces, so that huge pages can back them."""

import torch
from torch import Tensor

from duologue.model.huge_pages import ask_for_huge_pages

PIECE_BYTES = 64 << 20
ALIGNMENT = 64


class Arena:
    """Gives memory and never takes it back: a piece lives as long as a tensor in it."""

    def __init__(self) -> None:
        self._piece = torch.empty(0, dtype=torch.uint8)
        self._start = 0

    def keep(self, tensor: Tensor) -> Tensor:
        """A copy of the tensor, contiguous, in this memory."""
        size = tensor.numel() * tensor.element_size()
        if self._start + size > self._piece.numel():
            self._piece = torch.empty(max(size + ALIGNMENT, PIECE_BYTES), dtype=torch.uint8)
            ask_for_huge_pages(self._piece)
            self._start = -self._piece.data_ptr() % ALIGNMENT
        part = self._piece[self._start : self._start + size].view(tensor.dtype)
        self._start += size + -size % ALIGNMENT
        return part.view(tensor.shape).copy_(tensor)
