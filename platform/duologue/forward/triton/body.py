"""The layers of a Llama-like model over the rows of a plan."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding

from duologue.forward.triton.llama import DeviceLlama, Layer
from duologue.forward.triton.operations import add_and_norm, attend, gate, rotate_and_write
from duologue.forward.triton.plan import RowTensors
from duologue.forward.triton.shapes import AttentionShape

FINAL = -1


@dataclass(frozen=True, slots=True)
class BodyOutput:
    """What the layers leave of all rows."""

    final: Tensor  # [rows, hidden], what the head reads
    hidden: tuple[Tensor, ...]
    """Float32 [rows, hidden] each: the hidden states that are read."""


class Body:
    """Runs the layers; the same operations for the same shapes, whatever the numbers."""

    def __init__(
        self, llama: DeviceLlama, layers: Sequence[Layer], hidden_layers: Sequence[int]
    ) -> None:
        self._llama = llama
        self._layers = layers
        self._hidden_layers = hidden_layers

    def run(
        self,
        rows: RowTensors,
        keys: Sequence[Tensor],  # per layer [blocks, kv_heads, dim, cells]
        values: Sequence[Tensor],  # per layer [blocks, kv_heads, cells, dim]
        shape: AttentionShape,
        has_input: bool,
    ) -> BodyOutput:
        """Fill the cells of all rows; nothing of it waits for the device."""
        llama = self._llama
        heads, eps, dtype = llama.heads, llama.eps, llama.dtype
        inputs = rows.inputs if has_input else None
        states = embedding(rows.tokens, llama.embedding).to(torch.float32)
        angles = rows.positions.to(torch.float32)[:, None] * llama.frequencies
        rotation = angles.cos() * llama.rotary_scale, angles.sin() * llama.rotary_scale
        change: Tensor | None = None
        kept: dict[int, Tensor] = {}
        for number, layer in enumerate(self._layers):
            normed = add_and_norm(states, change, layer.attention_norm, eps, dtype)
            self._keep(kept, number - 1, states)
            fused = layer.qkv.of(normed, inputs)
            queries = rotate_and_write(
                fused,
                keys[number],
                values[number],
                rows.cells,
                rotation,
                layer.head_norms,
                eps,
                heads,
            )
            attended = attend(
                queries,
                keys[number],
                values[number],
                rows.cells,
                rows.items,
                rows.whole,
                heads,
                shape,
            )
            change = layer.output.of(attended.flatten(1), inputs)
            normed = add_and_norm(states, change, layer.mlp_norm, eps, dtype)
            change = layer.down.of(gate(layer.gate_up.of(normed, inputs)), inputs)
        final = add_and_norm(states, change, llama.final_norm, eps, dtype)
        self._keep(kept, len(self._layers) - 1, states)
        if FINAL in self._hidden_layers:
            kept[FINAL] = final.to(torch.float32)
        return BodyOutput(final, tuple(kept[layer] for layer in self._hidden_layers))

    def _keep(self, kept: dict[int, Tensor], number: int, states: Tensor) -> None:
        """The states that a layer left, before they change."""
        if number >= 0 and number in self._hidden_layers:
            kept[number] = states.clone()
