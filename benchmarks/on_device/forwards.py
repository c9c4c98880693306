"""How long a forward takes, and how much of it the host."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from transformers import PreTrainedModel

from benchmarks.on_device.watch import Watch
from duologue.forward.kernels.kernel_set import KernelSet
from duologue.forward.merged import MergedForward
from duologue.forward.rows import Stretch
from duologue.forward.sampling_rows import TokenRequests
from duologue.forward.sampling_settings import SamplingSettings
from duologue.forward.state_head import StateHead
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.kv.slot import Slot
from duologue.model.geometry import ModelGeometry

SPARE_CELLS = 32
MAX_OF_OTHERS = 32
"""Sessions up to which the reference set is measured too: beyond them it is only slow."""
RESERVED_BYTES = 6 << 30
"""Of a device's memory: for what a forward needs while it runs."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A token for every session, and with `listens` an input row that is judged."""

    kernels: str
    sessions: int
    context: int
    listens: bool
    forward_ms: float
    """Median, from the beginning to the answers in the host's memory."""
    host_ms: float
    """Of these, until the device had been told everything."""
    worst_ms: float
    waits: bool
    """Whether anything waited for the device before everything was told."""


class Crowd:
    """Sessions whose cells are filled with anything: it takes no other time than with sense."""

    def __init__(
        self,
        network: PreTrainedModel,
        kernels: KernelSet,
        head: StateHead,
        sessions: int,
        context: int,
    ) -> None:
        geometry = ModelGeometry.from_config(network.config)
        self.head, self._context, self._name = head, context, kernels.name
        self._memory = KVMemory(
            geometry,
            budget_bytes=room_bytes(geometry, network.dtype, sessions, context),
            device=network.device,
            dtype=network.dtype,
        )
        for tensor in (*self._memory.pool.keys, *self._memory.pool.values):
            tensor.normal_()
        self.forward = MergedForward(network, self._memory, head.layers, head.lora, kernels)
        self.forward.prepare(2 * sessions)
        self._slots: list[Slot] = []
        for _ in range(sessions):
            slot, _ = self._memory.open()
            cells = self._memory.take(slot, context)
            slot.place(cells, [int(Channel.TRUNK)] * context, range(context))
            self._slots.append(slot)

    def timing(self, steps: int, listens: bool) -> Timing:
        """Median and worst of so many steps, after two that count for nothing."""
        self._step(listens)
        waits = self._waits(listens)
        taken = [self._step(listens) for _ in range(1 + steps)][1:]
        whole_ms, host_ms = zip(*taken, strict=True)
        return Timing(
            self._name,
            len(self._slots),
            self._context,
            listens,
            median(whole_ms),
            median(host_ms),
            max(whole_ms),
            waits,
        )

    def _waits(self, listens: bool) -> bool:
        """Torch tells of whatever of its own waits, and then stops there."""
        if self._memory.device.type != "cuda":
            return False
        torch.cuda.set_sync_debug_mode("error")
        try:
            self._step(listens, is_answered=False)
        except RuntimeError as error:
            if "synchroniz" not in str(error):
                raise
            return True
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return False

    def _step(self, listens: bool, *, is_answered: bool = True) -> tuple[float, float]:
        """Milliseconds of a forward, and until the device had been told of it."""
        channels = (Channel.OUTPUT, Channel.INPUT) if listens else (Channel.OUTPUT,)
        stretches = [
            Stretch(
                slot,
                channel,
                [7],
                self._memory.take(slot, 1),
                self._context,
                reads_logits=channel is Channel.OUTPUT,
                reads_hidden=channel is Channel.INPUT,
            )
            for slot in self._slots
            for channel in channels
        ]
        count = len(self._slots)
        requests = TokenRequests([SamplingSettings()] * count, [(0, 0)] * count, [()] * count)
        try:
            began_s = time.perf_counter()
            running = self.forward.start(stretches, requests, self.head)
            told_s = time.perf_counter()
            if is_answered:
                running.result()
            ended_s = time.perf_counter()
        finally:
            for stretch in stretches:
                self._memory.free(stretch.slot, stretch.cells)
        return (ended_s - began_s) * 1e3, (told_s - began_s) * 1e3


def timings(
    network: PreTrainedModel,
    kernel_sets: Sequence[KernelSet],
    head: StateHead,
    sessions: Sequence[int],
    context: int,
    steps: int,
    watch: Watch,
    seconds: float,
) -> Iterator[Timing]:
    """As many of them as there are seconds for, the small ones first.

    Only the first set of kernels goes on beyond `MAX_OF_OTHERS` sessions.
    """
    geometry = ModelGeometry.from_config(network.config)
    ends_s, took_s = watch.elapsed_s + seconds, 0.0
    for count in sessions:
        if room_bytes(geometry, network.dtype, count, context) > free_bytes(network.device):
            return
        for kernels in kernel_sets if count <= MAX_OF_OTHERS else kernel_sets[:1]:
            if watch.elapsed_s + 2 * took_s > ends_s:
                return
            watch.show(f"{kernels.name}: {count} sessions of {context} tokens")
            began_s = watch.elapsed_s
            crowd = Crowd(network, kernels, head, count, context)
            for listens in (False, True):
                yield crowd.timing(steps, listens)
            del crowd
            if network.device.type == "cuda":
                torch.cuda.empty_cache()
            took_s = watch.elapsed_s - began_s


def room_bytes(geometry: ModelGeometry, dtype: torch.dtype, sessions: int, context: int) -> int:
    """What the cells of so many sessions take."""
    blocks = -(-(context + SPARE_CELLS) // 32)
    return sessions * blocks * 32 * geometry.bytes_per_cell(dtype)


def free_bytes(device: torch.device) -> int:
    """What cells may take of a device's memory."""
    if device.type != "cuda":
        return 1 << 30
    free, _ = torch.cuda.mem_get_info(device)
    return int(free) - RESERVED_BYTES
