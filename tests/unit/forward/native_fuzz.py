"""Random work for the kernels in C, of shapes that no model has."""

from ctypes import byref
from random import Random
from typing import Any

import torch

from duologue.forward.input_lora import InputLora
from duologue.forward.kernels.native_kernels import NativeKernels
from duologue.forward.merged import MergedForward
from duologue.forward.native.library import Library
from duologue.forward.native.packing import Packer
from duologue.forward.native.structures import TYPES
from duologue.forward.rows import Stretch
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.model.geometry import ModelGeometry
from tests.rules.worlds import random_lora
from tests.tiny_models import VOCAB_SIZE, tiny_network

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")


def random_product(library: Library, random: Random) -> None:
    """Multiply some rows with some packed weights."""
    dtype = random.choice(tuple(TYPES))
    outputs, inputs = random.randint(1, 200), 2 * random.randint(1, 150)
    rows = random.choice((1, 2, 3, 4, 5, 6, 7, 11, 30, 300))
    packed = Packer(is_int8=random.random() < 0.5).pack(
        [torch.randn(outputs, inputs).to(dtype)], [torch.randn(outputs)]
    )
    x, y = torch.randn(rows, inputs).to(dtype), torch.empty(rows, outputs)
    library.functions.duologue_linear_rows(
        TYPES[dtype],
        byref(packed.struct()),
        x.data_ptr(),
        rows,
        y.data_ptr(),
        outputs,
        random.randint(1, 3),
    )
    assert y.isfinite().all()


def random_forward(library: Library, random: Random) -> None:
    """Run a few forwards of a random model over a few slots."""
    network = _network(random)
    lora: InputLora | None = random_lora(network) if random.random() < 0.5 else None
    kernels = NativeKernels(library, is_int8=random.random() < 0.5)
    geometry = ModelGeometry.from_config(network.config)
    memory = KVMemory(geometry, budget_bytes=1 << 24, dtype=network.dtype)
    forward = MergedForward(network, memory, (-1, 0), lora, kernels)
    lengths = [random.choice((1, 2, 30, 129, 200)) for _ in range(random.randint(1, 4))]
    slots = [memory.open()[0] for _ in lengths]
    trunks = [
        _stretch(memory, slot, Channel.TRUNK, 0, length, random)
        for slot, length in zip(slots, lengths, strict=True)
    ]
    both = [
        _stretch(memory, slot, channel, length, random.choice((1, 1, 2, 9)), random)
        for slot, length in zip(slots, lengths, strict=True)
        for channel in (Channel.INPUT, Channel.OUTPUT)
        if random.random() < 0.8
    ]
    for stretches in (trunks, random.sample(both, len(both))):
        if stretches:
            output = forward.run(stretches)
            assert output.logits.isfinite().all()
            assert output.hidden.isfinite().all()


def _network(random: Random) -> Any:
    kv_heads = random.choice((1, 2, 3))
    heads = kv_heads * random.choice((1, 2, 3, 5))
    network: Any = tiny_network(
        random.choice(FAMILIES),
        seed=random.randrange(1000),
        head_dim=random.choice((16, 32, 48, 64, 80)),
        num_key_value_heads=kv_heads,
        num_attention_heads=heads,
        hidden_size=2 * heads * random.randint(1, 9),  # whole ones, as the configuration wants
        intermediate_size=2 * random.randint(1, 120),
        tie_word_embeddings=random.random() < 0.5,
    )
    return network.to(random.choice(tuple(TYPES)))


def _stretch(
    memory: KVMemory, slot: Any, channel: Channel, position: int, count: int, random: Random
) -> Stretch:
    cells = memory.take(slot, count)
    tokens = [random.randrange(VOCAB_SIZE) for _ in range(count)]
    reads = random.random() < 0.7, random.random() < 0.7
    return Stretch(slot, channel, tokens, cells, position, *reads)
