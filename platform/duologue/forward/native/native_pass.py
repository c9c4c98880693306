"""A forward of a Llama-like model in one call of the library."""

from collections.abc import Mapping, Sequence
from ctypes import byref, pointer
from typing import Any

import numpy as np
import torch
from torch import Tensor

from duologue.errors import ModelUnavailable
from duologue.forward.input_lora import InputLora, LowRank
from duologue.forward.native.attention import NativePlan, why_not
from duologue.forward.native.forward_structures import (
    LayerStruct,
    ModelStruct,
    RowsStruct,
)
from duologue.forward.native.library import Library
from duologue.forward.native.llama import PackedLlama
from duologue.forward.native.structures import TYPES
from duologue.forward.native.updates import layer_updates
from duologue.forward.plan import by_slot
from duologue.forward.rows import ForwardOutput, Stretch, sent
from duologue.kv.blocks import BlockPool
from duologue.kv.channel import Channel

ALIGNMENT = 64


class NativePass:
    """Runs rows through packed weights. Not thread-safe: its working memory is its own."""

    def __init__(
        self,
        library: Library,
        llama: PackedLlama,
        pool: BlockPool,
        hidden_layers: Sequence[int],
        lora: InputLora | None,
    ) -> None:
        """`lora` is fitted to the model's body.

        Raises ModelUnavailable if the library cannot read the pool's cells.
        """
        reason = why_not(pool)
        if reason:
            raise ModelUnavailable(f"native kernels cannot serve this memory: {reason}")
        self._library, self._llama, self._pool = library, llama, pool
        self._keys = np.array([keys.data_ptr() for keys in pool.keys], dtype=np.uint64)
        self._values = np.array([values.data_ptr() for values in pool.values], dtype=np.uint64)
        self._hidden_layers = np.array(hidden_layers, dtype=np.int32)
        self._leave_after = _leave_after(hidden_layers, len(llama.layers))
        self._has_lora = lora is not None
        updates: Mapping[str, LowRank] = lora.updates if lora is not None else {}
        self._kept = [layer_updates(updates, n, llama) for n in range(len(llama.layers))]
        self._layers = _layer_structs(llama, self._kept)
        self._model = _model_struct(llama, self._layers)
        self._workspace = torch.empty(0, dtype=torch.uint8)

    def run(self, stretches: Sequence[Stretch], beside: Any = None) -> ForwardOutput:
        """Fill the cells of all rows and read the last row of each stretch that asks for it."""
        works, last_rows = by_slot(stretches)
        tokens = np.array([token for work in works for token in work.tokens], dtype=np.int64)
        self._check_tokens(tokens)
        plan = NativePlan(
            works, self._pool, self._llama.geometry.num_heads, self._library.functions
        )
        visible = plan.room_for_words()
        ends = list(zip(stretches, last_rows, strict=True))
        logit_rows = [row for stretch, row in ends if stretch.reads_logits]
        hidden_rows = [row for stretch, row in ends if stretch.reads_hidden]
        staying = self._staying(ends, plan.num_rows)
        at_top = hidden_rows if staying is None else []
        number_of = range(plan.num_rows) if staying is None else _places(staying)
        asked = sorted({number_of[row] for row in (*logit_rows, *at_top)})
        place_of = _places(asked)
        num_hidden_layers = len(self._hidden_layers)
        geometry = self._llama.geometry
        logits = torch.empty(len(logit_rows), geometry.vocab_size)
        hidden = torch.empty(len(hidden_rows), num_hidden_layers * geometry.hidden_size)
        cosines, sines = self._rotation(plan.positions)
        arrays = {
            "tokens": tokens,
            "input_rows": self._input_rows(plan.channels),
            "staying": staying or [],
            "asked": asked,
            "logit_places": [place_of[number_of[row]] for row in logit_rows],
            "hidden_rows": hidden_rows,
            "hidden_places": [place_of[number_of[row]] for row in at_top],
        }
        kept = {name: np.array(numbers, dtype=np.int32) for name, numbers in arrays.items()}
        threads = torch.get_num_threads()
        rows = RowsStruct(
            num_rows=plan.num_rows,
            cosines=cosines.data_ptr(),
            sines=sines.data_ptr(),
            plan=pointer(plan.struct),
            keys=self._keys.ctypes.data,
            values=self._values.ctypes.data,
            visible=visible.data_ptr(),
            num_input_rows=len(kept["input_rows"]),
            leave_after=-1 if staying is None else self._leave_after,
            num_staying=len(kept["staying"]),
            num_asked=len(asked),
            num_logits=len(logit_rows),
            logits=logits.data_ptr(),
            num_hidden=len(hidden_rows),
            num_hidden_layers=num_hidden_layers,
            hidden_layers=self._hidden_layers.ctypes.data,
            hidden=hidden.data_ptr(),
            workspace=self._working_memory(plan.num_rows, threads),
            threads=threads,
            **{name: array.ctypes.data for name, array in kept.items()},
        )
        self._library.functions.duologue_forward(byref(self._model), byref(rows))
        return ForwardOutput(logits, hidden, sent(beside, logits.device))

    def _check_tokens(self, tokens: Any) -> None:
        """The library would read memory that is not the model's."""
        known = self._llama.num_tokens
        if tokens.min() < 0 or tokens.max() >= known:
            raise IndexError(f"a token is not one of the model's {known}")

    def _input_rows(self, channels: Any) -> Any:
        if not self._has_lora:
            return []
        return np.flatnonzero(channels == int(Channel.INPUT))

    def _staying(self, ends: Sequence[tuple[Stretch, int]], num_rows: int) -> Sequence[int] | None:
        """The rows that go up to the last layer; None when all do."""
        if self._leave_after is None or not any(stretch.leaves_early for stretch, _ in ends):
            return None
        leaving = {
            last - before
            for stretch, last in ends
            if stretch.leaves_early
            for before in range(len(stretch.tokens))
        }
        return [row for row in range(num_rows) if row not in leaving]

    def _rotation(self, positions: Any) -> tuple[Tensor, Tensor]:
        """Cosines and sines, float32 [rows, rotated / 2] each."""
        angles = torch.from_numpy(positions).float()[:, None] * self._llama.frequencies
        scale = self._llama.rotary_scale
        return angles.cos() * scale, angles.sin() * scale

    def _working_memory(self, num_rows: int, threads: int) -> int:
        """The address of enough of it, at a multiple of the alignment."""
        needed = ALIGNMENT + self._library.functions.duologue_workspace_bytes(
            byref(self._model), num_rows, threads
        )
        if self._workspace.numel() < needed:
            self._workspace = torch.empty(needed, dtype=torch.uint8)
        address = self._workspace.data_ptr()
        return address + -address % ALIGNMENT


def _leave_after(hidden_layers: Sequence[int], num_layers: int) -> int | None:
    """The last layer that tells something of rows that only hidden states are read of; None if
    that is the last of all."""
    if min(hidden_layers) < 0 or max(hidden_layers) == num_layers - 1:
        return None
    return max(hidden_layers)


def _places(numbers: Sequence[int]) -> dict[int, int]:
    return {number: place for place, number in enumerate(numbers)}


def _layer_structs(llama: PackedLlama, updates: Sequence[Mapping[str, Any]]) -> Any:
    structs = (LayerStruct * len(llama.layers))()
    for struct, layer, its in zip(structs, llama.layers, updates, strict=True):
        struct.qkv = layer.qkv.struct(its["qkv"])
        struct.output = layer.output.struct(its["output"])
        struct.gate_up = layer.gate_up.struct(its["gate_up"])
        struct.down = layer.down.struct(its["down"])
        for name in ("attention_norm", "mlp_norm", "query_norm", "key_norm"):
            norm: Tensor | None = getattr(layer, name)
            setattr(struct, name, None if norm is None else norm.data_ptr())
    return structs


def _model_struct(llama: PackedLlama, layers: Any) -> ModelStruct:
    geometry = llama.geometry
    return ModelStruct(
        layers=layers,
        final_norm=llama.final_norm.data_ptr(),
        embedding=None if llama.embedding is None else llama.embedding.data_ptr(),
        head=llama.head.struct(),
        num_layers=geometry.num_layers,
        hidden=geometry.hidden_size,
        heads=geometry.num_heads,
        kv_heads=geometry.num_kv_heads,
        dim=geometry.head_dim,
        inner=llama.inner,
        vocabulary=geometry.vocab_size,
        format=TYPES[llama.dtype],
        rotated=2 * llama.frequencies.shape[0],
        window=llama.window or 0,
        eps=llama.eps,
        scale=geometry.head_dim**-0.5,
    )
