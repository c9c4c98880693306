"""Ours: the merged forward over slots of cells, by either kernel set."""

import time

from duologue.forward.merged import MergedForward
from duologue.forward.rows import Stretch
from duologue.forward.state_head import StateHead
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.kv.slot import Slot
from duologue.model.loading import LoadedModel

HEADROOM_CELLS = 48


class Merged:
    """An output row per session and, if it listens, an input row whose hidden state is read.

    With a head, its layers are read, and its updates adapt the input row.
    """

    def __init__(self, model: LoadedModel, *, listens: bool, head: StateHead | None = None) -> None:
        kernels = model.kernels.kernels
        weights = " int8" if model.kernels.is_int8 else ""
        how = ", adapted" if head is not None else ", listening" if listens else ""
        self.name = f"{kernels.name}{weights}{how}"
        self._model = model
        self._listens = listens
        kernels.pack(model.network)
        self._layers, self._lora = (head.layers, head.lora) if head is not None else ((-1,), None)
        self._slots: list[Slot] = []

    def prepare(self, sessions: int, context: int) -> None:
        self._context = context
        geometry, dtype = self._model.geometry, self._model.dtype
        room = sessions * (context + HEADROOM_CELLS) * geometry.bytes_per_cell(dtype)
        self._memory = KVMemory(geometry, budget_bytes=room, dtype=dtype)
        kernels = self._model.kernels.kernels
        self._forward = MergedForward(
            self._model.network, self._memory, self._layers, self._lora, kernels
        )
        for _ in range(sessions):
            slot, _ = self._memory.open()
            cells = self._memory.take(slot, context)
            slot.place(cells, [Channel.TRUNK] * context, range(context))
            self._slots.append(slot)
        # The time of a forward does not depend on what the cells hold, as long as it is finite.
        for tensor in (*self._memory.pool.keys, *self._memory.pool.values):
            tensor.normal_()

    def step(self) -> float:
        stretches = [self._stretch(slot, Channel.OUTPUT) for slot in self._slots]
        if self._listens:
            stretches += [self._stretch(slot, Channel.INPUT) for slot in self._slots]
        started = time.perf_counter()
        self._forward.run(stretches)
        seconds = time.perf_counter() - started
        for stretch in stretches:
            self._memory.free(stretch.slot, stretch.cells)
        return seconds

    def _stretch(self, slot: Slot, channel: Channel) -> Stretch:
        return Stretch(
            slot,
            channel,
            [100 + int(channel)],
            self._memory.take(slot, 1),
            self._context,
            reads_logits=channel is Channel.OUTPUT,
            reads_hidden=channel is Channel.INPUT,
            leaves_early=channel is Channel.INPUT and self._lora is not None,
        )

    def release(self) -> None:
        self._slots.clear()
        del self._memory, self._forward

    def close(self) -> None:
        """Nothing is left to give back."""
