"""Weights of linear layers, laid out once the way the products of linear.c read them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from duologue.forward.native.arena import Arena
from duologue.forward.native.forward_structures import LinearStruct

BLOCK = 64
"""Outputs that lie together (linear.h)."""


@dataclass(frozen=True, slots=True)
class PackedWeights:
    """Weights of one layer, or of several that read the same states, with what stands beside."""

    weights: Tensor  # [outputs / BLOCK, inputs / pair, BLOCK, pair], outputs in whole blocks
    bias: Tensor | None  # float32 [outputs]

    @property
    def outputs(self) -> int:
        return self.weights.shape[0] * BLOCK

    @property
    def inputs(self) -> int:
        return self.weights.shape[1] * self.weights.shape[3]

    def struct(self, update: tuple[Tensor, Tensor] | None = None) -> LinearStruct:
        """For the library, perhaps with a low-rank update `(down [rank, inputs], up [rank,
        outputs])` of float32. It holds addresses only: who keeps it keeps the tensors.
        """
        struct = LinearStruct(
            weights=self.weights.data_ptr(),
            bias=None if self.bias is None else self.bias.data_ptr(),
            inputs=self.inputs,
            outputs=self.outputs,
        )
        if update is not None:
            down, up = update
            assert down.shape[1] == self.inputs, (down.shape, self.inputs)
            assert up.shape == (down.shape[0], self.outputs), (up.shape, self.outputs)
            struct.down, struct.up = down.data_ptr(), up.data_ptr()
            struct.rank = down.shape[0]
        return struct


def pack(
    weights: Sequence[Tensor], biases: Sequence[Tensor | None], arena: Arena | None = None
) -> PackedWeights:
    """Pack layers whose outputs follow one another; weights: [outputs, inputs] each."""
    weight = _whole_blocks(torch.cat(list(weights)))
    return PackedWeights(
        _blocks(weight, arena), _bias([_or_zeros(*x) for x in _pairs(weights, biases)])
    )


def pack_gates(gate: Tensor, up: Tensor, arena: Arena | None = None) -> PackedWeights:
    """Pack gates and what they are multiplied with, side by side in every block."""
    return PackedWeights(_blocks(interleaved(gate, up), arena), None)


def interleaved(gate: Tensor, up: Tensor) -> Tensor:
    """Half a block of one, then half a block of the other; both: [outputs, any]."""
    half = BLOCK // 2
    parts = [_whole_blocks(part, half).unflatten(0, (-1, half)) for part in (gate, up)]
    return torch.cat(parts, dim=1).flatten(0, 1)


def _blocks(weight: Tensor, arena: Arena | None) -> Tensor:
    outputs, inputs = weight.shape
    width = 2 if weight.dtype is torch.bfloat16 else 1
    assert inputs % 2 == 0, inputs
    view = weight.view(outputs // BLOCK, BLOCK, inputs // width, width)
    blocks = view.permute(0, 2, 1, 3)
    return (arena or Arena()).keep(blocks)


def _whole_blocks(rows: Tensor, block: int = BLOCK) -> Tensor:
    return pad(rows, (0, 0, 0, -rows.shape[0] % block))


def _pairs(
    weights: Sequence[Tensor], biases: Sequence[Tensor | None]
) -> list[tuple[Tensor, Tensor | None]]:
    return list(zip(weights, biases, strict=True)) if any(b is not None for b in biases) else []


def _or_zeros(weight: Tensor, bias: Tensor | None) -> Tensor:
    return weight.new_zeros(weight.shape[0]) if bias is None else bias


def _bias(parts: Sequence[Tensor]) -> Tensor | None:
    if not parts:
        return None
    joined = torch.cat(list(parts)).float()
    return pad(joined, (0, -joined.shape[0] % BLOCK))
