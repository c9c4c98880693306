"""Weights of linear layers, laid out once the way the products of linear.c read them."""

from collections.abc import Sequence
from ctypes import addressof
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import pad

from duologue.forward.native.arena import Arena
from duologue.forward.native.forward_structures import LinearStruct
from duologue.forward.native.int8 import blocks_of, rounded
from duologue.forward.native.packed_update import BLOCK, PackedUpdate


@dataclass(frozen=True, slots=True)
class PackedWeights:
    """Weights of one layer, or of several that read the same states, with what stands beside."""

    weights: Tensor  # [outputs / BLOCK, inputs / pair, BLOCK, pair], or [outputs / BLOCK, bytes]
    bias: Tensor | None  # float32 [outputs]
    inputs: int

    @property
    def outputs(self) -> int:
        """In whole blocks."""
        return self.weights.shape[0] * BLOCK

    @property
    def is_int8(self) -> bool:
        return self.weights.dtype is torch.int8

    def struct(self, update: PackedUpdate | None = None) -> LinearStruct:
        """For the library, perhaps with a low-rank update. It holds addresses only: who keeps it
        keeps the tensors.
        """
        struct = LinearStruct(
            weights=self.weights.data_ptr(),
            bias=None if self.bias is None else self.bias.data_ptr(),
            inputs=self.inputs,
            outputs=self.outputs,
            is_int8=self.is_int8,
        )
        if update is not None:
            assert update.down.shape[0] == self.inputs, (update.down.shape, self.inputs)
            assert len(update.reach) * BLOCK == self.outputs, (len(update.reach), self.outputs)
            struct.down, struct.up = update.down.data_ptr(), update.up.data_ptr()
            struct.reach = addressof(update.reach)
            struct.rank = update.down.shape[1]
        return struct


@dataclass(frozen=True, slots=True)
class Packer:
    """Packs a model's layers into memory of its own."""

    arena: Arena = field(default_factory=Arena)
    is_int8: bool = False
    """As 8-bit numbers, rather than in the model's format."""

    def pack(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor | None] = ()
    ) -> PackedWeights:
        """Layers whose outputs follow one another; weights: [outputs, inputs] each."""
        joined = weights[0] if len(weights) == 1 else torch.cat(list(weights))
        return self._packed(_whole_blocks(joined), _joined(weights, biases))

    def pack_gates(self, gate: Tensor, up: Tensor) -> PackedWeights:
        """Gates and what they are multiplied with, side by side in every block."""
        return self._packed(interleaved(gate, up), None)

    def _packed(self, weight: Tensor, bias: Tensor | None) -> PackedWeights:
        inputs = weight.shape[1]
        assert inputs % 2 == 0, inputs
        blocks = blocks_of(rounded(weight), BLOCK) if self.is_int8 else _blocks(weight)
        return PackedWeights(self.arena.keep(blocks), bias, inputs)


def interleaved(gate: Tensor, up: Tensor) -> Tensor:
    """Half a block of one, then half a block of the other; both: [outputs, any]."""
    half = BLOCK // 2
    parts = [_whole_blocks(part, half).unflatten(0, (-1, half)) for part in (gate, up)]
    return torch.cat(parts, dim=1).flatten(0, 1)


def _blocks(weight: Tensor) -> Tensor:
    outputs, inputs = weight.shape
    width = 2 if weight.dtype is torch.bfloat16 else 1
    view = weight.view(outputs // BLOCK, BLOCK, inputs // width, width)
    return view.permute(0, 2, 1, 3)


def _whole_blocks(rows: Tensor, block: int = BLOCK) -> Tensor:
    return pad(rows, (0, 0, 0, -rows.shape[0] % block))


def _joined(weights: Sequence[Tensor], biases: Sequence[Tensor | None]) -> Tensor | None:
    """Biases of layers whose outputs follow one another; None if no layer has any."""
    if all(bias is None for bias in biases):
        return None
    parts = [
        weight.new_zeros(weight.shape[0]) if bias is None else bias
        for weight, bias in zip(weights, biases, strict=True)
    ]
    joined = torch.cat(parts).float()
    return pad(joined, (0, -joined.shape[0] % BLOCK))
