"""Whether a device computes what the reference set computes, there and on the processor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from benchmarks.on_device.networks import network_of
from duologue.forward.kernels.kernel_set import KernelSet
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.forward.merged import MergedForward
from duologue.forward.rows import ForwardOutput, Stretch
from duologue.forward.sampling_rows import TokenRequests
from duologue.forward.sampling_settings import SamplingSettings
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.model.geometry import ModelGeometry

LAYERS = (-1, 0)
SAMPLED = SamplingSettings(temperature=0.8, top_p=0.9, top_k=50, seed=5)
PREPARED_ROWS = 128


@dataclass(frozen=True, slots=True)
class Agreement:
    """One set's forwards held against another's, of the same weights and rows."""

    what: str
    logits_error: float
    """The largest difference, by the largest logit."""
    hidden_error: float
    same_likeliest: float
    same_sampled: float
    """Shares of rows."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is said."""

    trunks: tuple[int, ...]
    rows: tuple[int, ...]


FULL = Size(trunks=(1, 40, 300, 1000, 33, 64, 5, 170), rows=(1, 1, 2, 7, 90))
TINY = Size(trunks=(1, 34), rows=(1, 2))


class Played:
    """Sessions with trunks of several lengths, and what rows of both their channels read."""

    def __init__(
        self,
        config: PreTrainedConfig,
        kernels: KernelSet,
        device: torch.device,
        dtype: torch.dtype,
        size: Size,
        prepared_rows: int = 0,
    ) -> None:
        """Weights are drawn on the processor, so that they are the same wherever they go."""
        network = _there(network_of(config, torch.device("cpu"), torch.float32), device, dtype)
        geometry = ModelGeometry.from_config(config)
        cells = sum(size.trunks) + len(size.trunks) * (2 * max(size.rows) + 64)
        self._memory = KVMemory(
            geometry,
            budget_bytes=cells * geometry.bytes_per_cell(dtype),
            device=device,
            dtype=dtype,
        )
        self._forward = MergedForward(network, self._memory, LAYERS, None, kernels)
        if prepared_rows:
            self._forward.prepare(prepared_rows)
        random = Random(3)
        stretches: list[Stretch] = []
        for length in size.trunks:
            slot, _ = self._memory.open()
            trunk = [random.randrange(geometry.vocab_size) for _ in range(length)]
            taken = self._memory.take(slot, length)
            self._forward.run([Stretch(slot, Channel.TRUNK, trunk, taken, 0)])
            for channel in (Channel.OUTPUT, Channel.INPUT):
                tokens = [
                    random.randrange(geometry.vocab_size) for _ in range(random.choice(size.rows))
                ]
                taken = self._memory.take(slot, len(tokens))
                stretches.append(Stretch(slot, channel, tokens, taken, length, True, True))
        self.output: ForwardOutput = self._forward.run(stretches)
        # Once more over the same cells, with tokens that are chosen on the device.
        requests = TokenRequests(
            [SAMPLED] * len(stretches),
            [(0, number) for number in range(len(stretches))],
            [()] * len(stretches),
        )
        self.sampled: Sequence[int] = self._forward.start(stretches, requests, None).result().tokens

    def held_against(self, other: "Played", what: str) -> Agreement:
        """What became of the same rows elsewhere."""
        logits, wanted = self.output.logits.cpu(), other.output.logits.cpu()
        same = logits.argmax(-1) == wanted.argmax(-1)
        pairs = list(zip(self.sampled, other.sampled, strict=True))
        return Agreement(
            what,
            _error(logits, wanted),
            _error(self.output.hidden.cpu(), other.output.hidden.cpu()),
            float(same.float().mean()),
            sum(one == another for one, another in pairs) / len(pairs),
        )


def agreements(
    configs: dict[str, PreTrainedConfig],
    kernels: KernelSet,
    device: torch.device,
    size: Size,
    *,
    halves: bool,
) -> Iterator[Agreement]:
    """In float32 against the reference set on both, and with `halves` what bfloat16 costs each."""
    cpu = torch.device("cpu")
    name = kernels.name
    for family, config in configs.items():

        def played(
            kernels: KernelSet, where: torch.device, dtype: torch.dtype, prepared_rows: int = 0
        ) -> Played:
            return Played(config, kernels, where, dtype, size, prepared_rows)  # noqa: B023

        exact = played(TORCH, cpu, torch.float32)
        ours = played(kernels, device, torch.float32)
        yield ours.held_against(exact, f"{family}, float32: {name} / torch on the processor")
        rows = PREPARED_ROWS if size is FULL else 4
        recorded = played(kernels, device, torch.float32, rows)
        what = f"{family}, float32: {name} recorded / torch on the processor"
        yield recorded.held_against(exact, what)
        if halves:
            half = played(kernels, device, torch.bfloat16)
            yield half.held_against(exact, f"{family}: {name} in bfloat16 / float32")
        if device.type != "cpu":
            there = played(TORCH, device, torch.float32)
            yield ours.held_against(there, f"{family}, float32: {name} / torch on the device")
        if halves:
            half = played(TORCH, device, torch.bfloat16)
            yield half.held_against(exact, f"{family}: torch in bfloat16 / float32")


def _there(network: Any, device: torch.device, dtype: torch.dtype) -> PreTrainedModel:
    """The network in this format but for its frequencies, as when it is loaded."""
    rotary = network.base_model.rotary_emb
    frequencies = rotary.inv_freq
    moved: Any = network.to(device, dtype)
    rotary.inv_freq = frequencies.to(device)
    there: PreTrainedModel = moved
    return there


def _error(found: Tensor, wanted: Tensor) -> float:
    return float((found.float() - wanted.float()).abs().max() / wanted.float().abs().max())
