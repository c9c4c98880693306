"""Weights as 8-bit numbers: rounding to them, what they stand for, and their layout (int8.h).

Scales are bfloat16, and belong to a few inputs of one output each. Fewer inputs to a scale are
closer to the model, and slower: docs/notes-performance.md says what was measured.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

GROUP = 64
"""Inputs of an output that share a scale."""

GREATEST = 127
_OUTPUTS_AT_ONCE = 4096
"""Rounding works in float32, which a whole head should not be at once."""


@dataclass(frozen=True, slots=True)
class Int8Weights:
    """A layer's weights, rounded."""

    numbers: Tensor  # int8 [outputs, inputs], from -127 to 127
    scales: Tensor  # bfloat16 [outputs, groups of inputs]

    def values(self) -> Tensor:
        """The weights that they stand for, exactly: float32 [outputs, inputs]."""
        scales = self.scales.float().repeat_interleave(GROUP, dim=1)
        return self.numbers.float() * scales[:, : self.numbers.shape[1]]


def rounded(weight: Tensor) -> Int8Weights:
    """The nearest 8-bit numbers; a group's greatest weight decides about its scale."""
    parts = [_rounded(part.float()) for part in weight.split(_OUTPUTS_AT_ONCE)]
    numbers, scales = zip(*parts, strict=True)
    return Int8Weights(torch.cat(numbers), torch.cat(scales))


def blocks_of(weights: Int8Weights, block: int) -> Tensor:
    """Bytes in the order in which they are read, [outputs / block, bytes of a block]; the outputs
    are whole blocks.
    """
    numbers = weights.numbers
    signed = numbers.abs() | (numbers < 0).to(torch.int8) << 7
    pairs = signed.unflatten(0, (-1, block)).unflatten(2, (-1, 2)).permute(0, 2, 1, 3)
    # Of each 32 outputs: four of the first half, four of the second, and so on.
    pairs = pairs.unflatten(2, (-1, 2, 4, 4)).transpose(3, 4)
    scales = weights.scales.unflatten(0, (-1, block)).transpose(1, 2).contiguous()
    parts = []
    for group, its in enumerate(pairs.split(GROUP // 2, dim=1)):
        parts += [scales[:, group].view(torch.int8), its.flatten(1)]
    return torch.cat(parts, dim=1)


def _rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    inputs = weight.shape[1]
    groups = pad(weight, (0, -inputs % GROUP)).unflatten(1, (-1, GROUP))
    scales = (groups.abs().amax(dim=2) / GREATEST).to(torch.bfloat16)
    exact = groups / scales.float().clamp_min(torch.finfo(torch.float32).tiny)[:, :, None]
    numbers = exact.round().clamp(-GREATEST, GREATEST).to(torch.int8)
    return numbers.flatten(1)[:, :inputs].contiguous(), scales
