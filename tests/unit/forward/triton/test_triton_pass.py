"""Whole forwards by Triton's interpreter, in float32, against the reference set."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor

from duologue.forward.attention import ATTENTION_NAME, register
from duologue.forward.input_lora import InputLora, LowRank
from duologue.forward.kernels.kernel_set import KernelSet
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.forward.kernels.triton_kernels import TritonKernels
from duologue.forward.merged import MergedForward
from duologue.forward.rows import ForwardOutput, Stretch
from duologue.forward.triton import triton_pass
from duologue.forward.triton.body import BodyOutput
from duologue.forward.triton.recording import Run
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.model.geometry import ModelGeometry
from tests.tiny_models import VOCAB_SIZE, tiny_network
from tests.unit.forward.conversations import relative_error

SMALL: dict[str, Any] = {"hidden_size": 48, "intermediate_size": 40, "num_hidden_layers": 2}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"head_dim": 16, "num_attention_heads": 6},
    "mistral": {"sliding_window": 12},
    "qwen2": {},
    "qwen3": {"head_dim": 24, "num_key_value_heads": 1},
}
MAX_ERROR = 1e-5
LAYERS = (-1, 1, 0)


class Scene:
    """Three sessions with a trunk each, and rows of both channels to come."""

    def __init__(
        self, kernels: KernelSet, family: str = "llama", lora: InputLora | None = None
    ) -> None:
        network = tiny_network(family, **SMALL, **FAMILIES[family])
        register()
        network.set_attn_implementation(ATTENTION_NAME)
        geometry = ModelGeometry.from_config(network.config)
        self.memory = KVMemory(
            geometry, budget_bytes=16 * 32 * geometry.bytes_per_cell(torch.float32)
        )
        self.forward = MergedForward(network, self.memory, LAYERS, lora, kernels)
        random = Random(7)
        self.slots = [self.memory.open()[0] for _ in range(3)]
        self.stretches: list[Stretch] = []
        trunks = [random_tokens(random, length) for length in (2, 35, 7)]
        # By the reference set: cells are the same to all sets, and the interpreter is slow.
        reference = MergedForward(network, self.memory, LAYERS, lora, TORCH)
        reference.run([self.stretch(n, Channel.TRUNK, trunk, 0) for n, trunk in enumerate(trunks)])
        for number, trunk in enumerate(trunks):
            for channel in (Channel.OUTPUT, Channel.INPUT):
                tokens = random_tokens(random, random.choice((1, 1, 3)))
                self.stretches.append(self.stretch(number, channel, tokens, len(trunk)))
        random.shuffle(self.stretches)

    def stretch(
        self, number: int, channel: Channel, tokens: Sequence[int], position: int
    ) -> Stretch:
        slot = self.slots[number]
        cells = self.memory.take(slot, len(tokens))
        return Stretch(slot, channel, tokens, cells, position, True, number != 1)

    def run(self) -> ForwardOutput:
        return self.forward.run(self.stretches)

    def cells(self) -> Tensor:
        pool = self.memory.pool
        return torch.cat([tensor.flatten() for tensor in (*pool.keys, *pool.values)])


def random_tokens(random: Random, count: int) -> list[int]:
    return [random.randrange(VOCAB_SIZE) for _ in range(count)]


def random_updates() -> InputLora:
    """Of some layers of some kinds, so that products have none, one or two of their parts."""
    generator = torch.Generator().manual_seed(3)
    body: Any = tiny_network(**SMALL, **FAMILIES["llama"]).base_model
    names = [f"layers.0.{name}" for name in ("self_attn.k_proj", "mlp.up_proj", "mlp.down_proj")]
    names += [f"layers.1.{name}" for name in ("self_attn.q_proj", "self_attn.v_proj")]
    names += ["layers.1.self_attn.o_proj", "layers.1.mlp.gate_proj"]

    def drawn(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator) / 4

    layers = {name: body.get_submodule(name) for name in names}
    return InputLora(
        {
            name: LowRank(drawn(2, layer.in_features), drawn(layer.out_features, 2))
            for name, layer in layers.items()
        }
    )


def check_same(found: ForwardOutput, wanted: ForwardOutput) -> None:
    assert relative_error(found.logits, wanted.logits) < MAX_ERROR
    assert relative_error(found.hidden, wanted.hidden) < MAX_ERROR


@pytest.mark.parametrize("family", FAMILIES)
def test_forwards_are_those_of_the_reference_set(family: str) -> None:
    scene, reference = Scene(TritonKernels(), family), Scene(TORCH, family)
    check_same(scene.run(), reference.run())
    torch.testing.assert_close(scene.cells(), reference.cells(), rtol=1e-4, atol=1e-4)


def test_input_rows_are_adapted_and_no_others() -> None:
    lora = random_updates()
    found, wanted = Scene(TritonKernels(), lora=lora).run(), Scene(TORCH, lora=lora).run()
    check_same(found, wanted)
    plain = Scene(TORCH).run()
    assert relative_error(wanted.hidden, plain.hidden) > 0.01


@pytest.mark.parametrize("is_adapted", [False, True])
def test_rows_that_fill_up_change_nothing(is_adapted: bool) -> None:
    """9 rows ride in a recording of 16, with its items and its parts."""
    lora = random_updates() if is_adapted else None
    scene, prepared = Scene(TritonKernels(), lora=lora), Scene(TritonKernels(), lora=lora)
    prepared.forward.prepare(16)
    recordings = prepared.forward._pass._recorded  # type: ignore[attr-defined]
    sizes = {1, 2, 4, 8, 16}
    assert {rows for rows, _, _ in recordings} == sizes
    assert {has_input for _, _, has_input in recordings} == {False, is_adapted}
    played = []

    def noted(key: triton_pass.Key, play: Run) -> Run:
        def run() -> BodyOutput:
            played.append(key)
            return play()

        return run

    for key, play in list(recordings.items()):
        recordings[key] = noted(key, play)
    check_same(prepared.run(), scene.run())
    assert [(rows, has_input) for rows, _, has_input in played] == [(16, is_adapted)]
    torch.testing.assert_close(prepared.cells(), scene.cells(), rtol=1e-5, atol=1e-5)
    # To the bit: what no row was to be written to.
    untouched = prepared.memory.pool.num_blocks - prepared.memory.pool.num_free
    assert not prepared.memory.pool.keys[0][untouched:].any()


def test_forwards_that_fit_no_recording_run_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Scene(TORCH).run()
    small = Scene(TritonKernels())
    small.forward.prepare(4)
    check_same(small.run(), wanted)
    monkeypatch.setattr(triton_pass, "UPLOAD_NUMBERS", 0)
    monkeypatch.setattr(triton_pass, "MAX_RECORDED_ROWS", 4)
    check_same(Scene(TritonKernels()).run(), wanted)


def test_prefills_take_the_wide_tile() -> None:
    outputs = []
    for kernels in (TORCH, TritonKernels()):
        scene = Scene(kernels)
        tokens = random_tokens(Random(1), 40)
        outputs.append(
            scene.forward.run([scene.stretch(2, Channel.OUTPUT, tokens, 7), *scene.stretches[:1]])
        )
    check_same(outputs[1], outputs[0])


def test_numbers_go_along() -> None:
    scene = Scene(TritonKernels())
    beside = torch.arange(5, dtype=torch.int32)
    output = scene.forward.run(scene.stretches, beside.numpy())
    scene.forward.run(scene.stretches[:1], beside.numpy() * 0)
    assert output.beside.equal(beside)


def test_nobody_has_to_read() -> None:
    scene = Scene(TritonKernels())
    cells = scene.memory.take(scene.slots[1], 2)
    output = scene.forward.run([Stretch(scene.slots[1], Channel.OUTPUT, [4, 5], cells, 60)])
    assert output.logits.shape == (0, VOCAB_SIZE)
    assert output.hidden.shape[0] == 0


def test_weights_can_be_given_up() -> None:
    kernels = TritonKernels()
    network = tiny_network(**SMALL, **FAMILIES["llama"])
    before = sum(weight.numel() for weight in network.parameters())
    kernels.pack(network)
    assert sum(weight.numel() for weight in network.parameters()) < before / 2
    outputs = []
    for one, its_kernels in (
        (network, kernels),
        (tiny_network(**SMALL, **FAMILIES["llama"]), TORCH),
    ):
        one.set_attn_implementation(ATTENTION_NAME)
        memory = KVMemory(ModelGeometry.from_config(one.config), budget_bytes=1 << 20)
        slot, _ = memory.open()
        stretch = Stretch(slot, Channel.TRUNK, [1, 2], memory.take(slot, 2), 0, True, True)
        forward = MergedForward(one, memory, LAYERS, random_updates(), its_kernels)
        outputs.append(forward.run([stretch]))
    check_same(*outputs)
    with pytest.raises(AssertionError, match="packed"):
        network(torch.tensor([[1]]))


@pytest.mark.parametrize("token", [-1, VOCAB_SIZE])
def test_tokens_that_the_model_does_not_know_are_refused(token: int) -> None:
    scene = Scene(TritonKernels())
    with pytest.raises(IndexError, match="not one of the model's 320"):
        scene.forward.run([scene.stretch(0, Channel.OUTPUT, [token], 40)])
