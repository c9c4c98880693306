"""Forwards in C: what a row gets is its own affair, and close to the model in float32."""

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor

from duologue.forward.attention import ATTENTION_NAME, register
from duologue.forward.input_lora import InputLora, LowRank
from duologue.forward.kernels.kernel_set import KernelSet
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.forward.merged import MergedForward
from duologue.forward.native.arena import Arena
from duologue.forward.native.variants import LibraryVariant, runnable_variants
from duologue.forward.rows import ForwardOutput, Stretch
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.model.geometry import ModelGeometry
from tests.native import native_kernels, needs_native, round_weights
from tests.tiny_models import VOCAB_SIZE, tiny_network
from tests.unit.forward.conversations import relative_error

pytestmark = needs_native

SIZES: dict[str, Any] = {
    "head_dim": 16,
    "hidden_size": 48,
    "intermediate_size": 200,
    "num_hidden_layers": 3,
}
RANK = 20
VARIANTS = pytest.mark.parametrize("variant", runnable_variants(), ids=lambda variant: variant.name)
INT8 = pytest.mark.parametrize("is_int8", [False, True], ids=["plain", "int8"])
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)


class Scene:
    """Sessions in slots of two sizes, each with a trunk and rows of both channels to come."""

    def __init__(
        self,
        dtype: torch.dtype,
        variant: LibraryVariant | None = None,
        lora: InputLora | None = None,
        layers: Sequence[int] = (-1, 0, 2),
        *,
        is_int8: bool = False,
        kernels: KernelSet | None = None,
    ) -> None:
        network: Any = tiny_network(**SIZES)
        network = network.to(dtype)
        kernels = kernels or native_kernels(variant, is_int8=is_int8)
        if kernels is TORCH:
            register()
            network.set_attn_implementation(ATTENTION_NAME)
        self.memory = KVMemory(
            ModelGeometry.from_config(network.config), budget_bytes=1 << 22, dtype=dtype
        )
        self.forward = MergedForward(network, self.memory, layers, lora, kernels)
        random = Random(5)
        self.slots = [self.memory.open()[0] for _ in range(5)]
        self.stretches: list[Stretch] = []
        for number in range(len(self.slots)):
            length = random.choice((1, 40, 150))
            trunk = self.stretch(number, Channel.TRUNK, random_tokens(random, length), 0)
            self.forward.run([trunk])
            for channel in (Channel.OUTPUT, Channel.INPUT):
                tokens = random_tokens(random, random.choice((1, 1, 3, 17)))
                self.stretches.append(self.stretch(number, channel, tokens, length))
        random.shuffle(self.stretches)

    def stretch(
        self, number: int, channel: Channel, tokens: Sequence[int], position: int
    ) -> Stretch:
        slot = self.slots[number]
        cells = self.memory.take(slot, len(tokens))
        return Stretch(slot, channel, tokens, cells, position, True, number % 2 == 0)

    def cells(self) -> list[Tensor]:
        return [tensor.clone() for tensor in (*self.memory.pool.keys, *self.memory.pool.values)]


def random_tokens(random: Random, count: int) -> list[int]:
    return [random.randrange(VOCAB_SIZE) for _ in range(count)]


def random_updates() -> InputLora:
    """Of all layers that are computed as one, of some of them, and of none; more ranks than are
    summed at once."""
    generator = torch.Generator().manual_seed(3)
    body: Any = tiny_network(**SIZES).base_model
    names = [f"layers.{n}.{name}" for n in (0, 2) for name in ("self_attn.k_proj", "mlp.up_proj")]
    names += ["layers.1.self_attn.o_proj", "layers.1.mlp.down_proj", "layers.2.mlp.gate_proj"]
    names += ["layers.2.self_attn.q_proj", "layers.2.self_attn.v_proj"]

    def drawn(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator) / 8 / math.sqrt(RANK)

    layers = {name: body.get_submodule(name) for name in names}
    return InputLora(
        {
            name: LowRank(drawn(RANK, layer.in_features), drawn(layer.out_features, RANK))
            for name, layer in layers.items()
        }
    )


def same_bits(one: ForwardOutput, other: ForwardOutput) -> bool:
    return one.logits.equal(other.logits) and one.hidden.equal(other.hidden)


@VARIANTS
@DTYPES
@INT8
@pytest.mark.parametrize("is_adapted", [False, True])
def test_company_changes_no_bit(
    variant: LibraryVariant, dtype: torch.dtype, is_int8: bool, is_adapted: bool
) -> None:
    lora = random_updates() if is_adapted else None
    scene, lonely = (Scene(dtype, variant, lora, is_int8=is_int8) for _ in range(2))
    together = scene.forward.run(scene.stretches)
    logits, hidden = iter(together.logits), iter(together.hidden)
    for stretch in lonely.stretches:
        alone = lonely.forward.run([stretch])
        assert alone.logits[0].equal(next(logits))
        if stretch.reads_hidden:
            assert alone.hidden[0].equal(next(hidden))
    for one, other in zip(scene.cells(), lonely.cells(), strict=True):
        assert one.equal(other)


@VARIANTS
def test_updates_are_those_of_the_reference_set(variant: LibraryVariant) -> None:
    updated, reference = (
        Scene(torch.float32, variant, random_updates(), kernels=kernels)
        for kernels in (None, TORCH)
    )
    plain = Scene(torch.float32, variant)
    outputs = [scene.forward.run(scene.stretches) for scene in (updated, reference, plain)]
    found, expected, without = (output.hidden for output in outputs)
    assert relative_error(found, expected) < 1e-5
    assert relative_error(without, expected) > 1e-2


@DTYPES
@INT8
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(dtype: torch.dtype, is_int8: bool, threads: int) -> None:
    scene = Scene(dtype, lora=random_updates(), is_int8=is_int8)
    before = torch.get_num_threads()
    results = []
    try:
        for number in (1, threads, 1, threads):
            torch.set_num_threads(number)
            results.append(scene.forward.run(scene.stretches))
    finally:
        torch.set_num_threads(before)
    assert all(same_bits(results[0], result) for result in results[1:])


def listening_only(stretch: Stretch) -> Stretch:
    is_input = stretch.channel is Channel.INPUT
    return replace(stretch, reads_logits=not is_input, leaves_early=is_input)


@VARIANTS
@DTYPES
@INT8
@pytest.mark.parametrize("num_replies", [0, 1, 5])
def test_rows_that_leave_early_change_no_bit(
    variant: LibraryVariant, dtype: torch.dtype, is_int8: bool, num_replies: int
) -> None:
    """And nothing is written above the layer that they leave behind."""
    staying, leaving = (
        Scene(dtype, variant, random_updates(), (1, 0), is_int8=is_int8) for _ in range(2)
    )
    inputs, replies = (
        [number for number, stretch in enumerate(leaving.stretches) if stretch.channel is channel]
        for channel in (Channel.INPUT, Channel.OUTPUT)
    )
    chosen = sorted([*inputs, *replies[:num_replies]])
    asked = [listening_only(leaving.stretches[number]) for number in chosen]
    before = leaving.cells()
    output = leaving.forward.run(asked)
    expected = staying.forward.run(
        [
            replace(staying.stretches[number], reads_logits=stretch.reads_logits)
            for number, stretch in zip(chosen, asked, strict=True)
        ]
    )
    assert same_bits(output, expected)
    num_layers = len(leaving.memory.pool.keys)
    for number, (was, now, full) in enumerate(
        zip(before, leaving.cells(), staying.cells(), strict=True)
    ):
        is_above = number % num_layers > 1
        assert now.equal(full) != is_above
        assert not is_above or now.equal(was) == (num_replies == 0)


def test_nobody_leaves_a_layer_that_is_read() -> None:
    """What the last layer gives is read of all of them, so they go up to it."""
    scene, leaving = (Scene(torch.float32, layers=(2, 0)) for _ in range(2))
    asked = [listening_only(stretch) for stretch in leaving.stretches]
    expected = [
        replace(stretch, reads_logits=other.reads_logits)
        for stretch, other in zip(scene.stretches, asked, strict=True)
    ]
    assert same_bits(leaving.forward.run(asked), scene.forward.run(expected))


def test_nobody_has_to_read() -> None:
    scene = Scene(torch.float32)
    slot = scene.slots[1]
    cells = scene.memory.take(slot, 2)
    output = scene.forward.run([Stretch(slot, Channel.OUTPUT, [4, 5], cells, 200)])
    assert output.logits.shape == (0, VOCAB_SIZE)
    assert output.hidden.shape[0] == 0
    assert scene.memory.pool.keys[-1].isfinite().all()


def logits_of_prompt(network: Any, kernels: KernelSet, tokens: Sequence[int]) -> Tensor:
    register()
    network.set_attn_implementation(ATTENTION_NAME)
    geometry = ModelGeometry.from_config(network.config)
    memory = KVMemory(geometry, budget_bytes=1 << 28, dtype=network.dtype)
    slot, _ = memory.open()
    cells = memory.take(slot, len(tokens))
    stretch = Stretch(slot, Channel.TRUNK, tokens, cells, 0, True, False)
    return MergedForward(network, memory, kernels=kernels).run([stretch]).logits[0].float()


@INT8
@pytest.mark.parametrize("is_tied", [False, True])
def test_bfloat16_is_as_close_to_float32_as_the_reference_set(is_int8: bool, is_tied: bool) -> None:
    """Both sets round; neither may be farther from what float32 says than the other by much. With
    weights of 8 bits, float32 has those that they stand for.
    """
    changes: dict[str, Any] = {**SIZES, "tie_word_embeddings": is_tied}
    networks: list[Any] = [tiny_network(**changes) for _ in range(3)]
    exact, reference, native = networks
    if is_int8:
        for network in (exact, reference):
            network.to(torch.bfloat16).to(torch.float32)
            round_weights(network)
    tokens = [5, 9, 200, 31, 7, 8, 100]
    truth = exact(torch.tensor([tokens])).logits[0, -1].detach()
    torch_error, native_error = (
        relative_error(logits_of_prompt(network, kernels, tokens), truth)
        for network, kernels in (
            (reference.to(torch.bfloat16), TORCH),
            (native.to(torch.bfloat16), native_kernels(is_int8=is_int8)),
        )
    )
    assert native_error < 1.2 * torch_error < 0.1


@INT8
@pytest.mark.parametrize("is_tied", [False, True])
def test_weights_can_be_given_up(is_int8: bool, is_tied: bool) -> None:
    kernels = native_kernels(is_int8=is_int8)
    changes: dict[str, Any] = {**SIZES, "tie_word_embeddings": is_tied}
    kept, packed = tiny_network(**changes), tiny_network(**changes)
    kernels.pack(packed)
    assert sum(w.numel() for w in packed.parameters()) < sum(w.numel() for w in kept.parameters())
    outputs = []
    for network in (kept, packed):
        memory = KVMemory(ModelGeometry.from_config(network.config), budget_bytes=1 << 28)
        slot, _ = memory.open()
        stretch = Stretch(slot, Channel.TRUNK, [1, 2, 3], memory.take(slot, 3), 0, True, True)
        forward = MergedForward(network, memory, (0, -1), random_updates(), kernels)
        outputs.append(forward.run([stretch]))
    assert same_bits(*outputs)
    with pytest.raises(AssertionError, match="packed"):
        packed(torch.tensor([[1]]))


@pytest.mark.parametrize("token", [-1, VOCAB_SIZE])
def test_tokens_that_the_model_does_not_know_are_refused(token: int) -> None:
    scene = Scene(torch.float32)
    slot = scene.slots[0]
    stretch = Stretch(slot, Channel.OUTPUT, [token], scene.memory.take(slot, 1), 200)
    with pytest.raises(IndexError, match="not one of the model's 320"):
        scene.forward.run([stretch])


def test_memory_for_weights_is_aligned_and_its_pieces_do_not_overlap() -> None:
    arena = Arena()
    tensors = [torch.randn(7, 5), torch.randn(3).to(torch.bfloat16), torch.randn(1 << 20, 17)]
    kept = [arena.keep(tensor) for tensor in tensors]
    for tensor, copy in zip(tensors, kept, strict=True):
        assert copy.equal(tensor)
        assert copy.data_ptr() % 64 == 0
