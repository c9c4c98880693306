"""Models for the rules: on the engine's side, and plain beside it as the truth."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from duologue.forward.attention import ATTENTION_NAME, register
from duologue.forward.input_lora import InputLora, LowRank
from duologue.forward.kernels.choice import KernelChoice
from duologue.forward.kernels.kernel_set import KernelSet
from duologue.forward.kernels.native_kernels import NativeKernels
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.forward.kernels.triton_kernels import TritonKernels
from duologue.forward.state_head import StateHead
from duologue.lane.judging import Judge
from duologue.model.geometry import ModelGeometry
from duologue.model.loading import LoadedModel
from duologue.states import State
from duologue.text.chat import ChatFormat
from tests.native import round_weights
from tests.tiny_models import tiny_network

CHAT = ChatFormat(
    bare_opening=(3,),
    system_header=(3, 1, 4),
    system_end=(2, 5),
    user_header=(1, 6),
    user_end=(2, 5),
    reply_header=(1, 7),
    reply_end=(2, 5),
    stop_tokens=frozenset({2}),
    supports_system=True,
)
"""Pieces of small numbers, like those that a ChatML template gives."""

WORDS = SimpleNamespace(
    has_text=lambda token: token % 3 > 0, decode=lambda tokens: "ab" * len(tokens)
)
"""There is no text here, only tokens, of which every third has none to show."""

OPENING = (3, 1, 4, 80, 81, 2, 5)
STOP_TOKENS = frozenset(range(2, 11))
"""So many that a random model comes to the end of a reply now and then."""

RANK = 3
"""Of the random updates."""

FIRST_WORD = 30
"""Users say tokens from here on."""

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": 12},
    "gemma3": {
        "sliding_window": 12,
        "layer_types": ["sliding_attention", "full_attention"],
    },
}
"""Families with what makes them differ here: every layer sees all, a window, or every other one.

The windows are shorter than most of the conversations, so that they matter.
"""

NATIVE_FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"head_dim": 16},
    "mistral": {"head_dim": 16, "sliding_window": 12, "tie_word_embeddings": True},
    "qwen2": {"head_dim": 16, "hidden_size": 64},
    "qwen3": {"head_dim": 32, "num_key_value_heads": 1, "intermediate_size": 100},
}
"""Families that kernels in C serve, in sizes that they can: plain, with a window and embeddings
that are the head's weights, with biases, and with normed heads; in the last one weights fill no
whole block."""

LABELS = (State.QUERY, State.NON_QUERY, State.INCOMPLETE, State.HOLD)
MOODS = {
    "balanced": (1.2, 0.5, 0.8, -2.0),
    "patient": (0.6, 0.0, 2.4, -2.0),
    "quick": (2.2, 0.5, 0.5, -2.0),
    "deaf": (0.5, 2.0, 0.5, -1.5),
}
"""Biases of a random head, by what it tends to."""


THRESHOLD = 0.5
JUDGE = Judge({state: THRESHOLD for state in LABELS if state is not State.INCOMPLETE})


class LinearHead:
    """A random linear layer over hidden states: its decisions vary, and a wrong state shows."""

    def __init__(
        self,
        mood: str,
        layers: tuple[int, ...],
        hidden_size: int,
        lora: InputLora | None = None,
    ) -> None:
        self.layers = layers
        self.labels = LABELS
        self.lora = lora
        generator = torch.Generator().manual_seed(len(layers))
        width = hidden_size * len(layers)
        self._weight = 2.0 * torch.randn(len(LABELS), width, generator=generator) / width**0.5
        self._bias = torch.tensor(MOODS[mood])

    def probabilities(self, hidden: Tensor) -> Tensor:
        return torch.softmax(hidden @ self._weight.T + self._bias, dim=-1)  # [rows, labels]

    def margins(self, hidden: Tensor) -> list[float]:
        """What probabilities may move and stay on this side of each other and of thresholds."""
        found = self.probabilities(hidden)
        limits = found.new_tensor([[THRESHOLD, THRESHOLD * JUDGE.low_patience_scale]])
        ranked = torch.cat([found, limits.expand(len(found), -1)], dim=-1).sort(dim=-1).values
        return [float(gap) / 2 for gap in ranked.diff(dim=-1).amin(dim=-1)]


class SetHead:
    """Says in each forward what it was told to say, of whatever it is shown; then INCOMPLETE."""

    layers = (-1,)
    labels = LABELS
    lora = None

    def __init__(self) -> None:
        self.script: list[State] = []
        self.probability = 0.91

    def probabilities(self, hidden: Tensor) -> Tensor:
        state = self.script.pop(0) if self.script else State.INCOMPLETE
        rest = (1.0 - self.probability) / (len(LABELS) - 1)
        row = [self.probability if label is state else rest for label in LABELS]
        return torch.tensor([row] * hidden.shape[0])


def as_head(fake: LinearHead | SetHead) -> StateHead:
    """An engine asks no more of a head than these fakes have."""
    return cast(StateHead, fake)


@dataclass(frozen=True)
class World:
    """One network twice, with the same weights, and how conversations with it are laid out."""

    model: LoadedModel
    """With the engine's attention."""
    plain: PreTrainedModel
    """With the attention of transformers, as it comes."""
    opening: tuple[int, ...]
    stop_tokens: frozenset[int]
    lora: InputLora | None = None
    """What the engine's adapter adds for rows of the input channel."""
    merged: PreTrainedModel | None = None
    """The plain one with these updates added to its weights, for every row."""

    @property
    def hidden_size(self) -> int:
        return self.model.geometry.hidden_size

    @property
    def cell_bytes(self) -> int:
        return self.model.geometry.bytes_per_cell(self.model.dtype)


@cache
def tiny_world(family: str, is_adapted: bool = False) -> World:
    return _world(family, FAMILIES[family], TORCH, is_adapted)


@cache
def triton_world(family: str, kernels: TritonKernels, is_adapted: bool = False) -> World:
    return _world(family, NATIVE_FAMILIES[family], kernels, is_adapted)


@cache
def native_world(family: str, kernels: NativeKernels, is_adapted: bool = False) -> World:
    return _world(family, NATIVE_FAMILIES[family], kernels, is_adapted, is_int8=kernels.is_int8)


def _world(
    family: str,
    changes: dict[str, Any],
    kernels: KernelSet,
    is_adapted: bool,
    *,
    is_int8: bool = False,
) -> World:
    register()
    lora = random_lora(tiny_network(family, **changes)) if is_adapted else None
    network = tiny_network(family, **changes)
    network.set_attn_implementation(ATTENTION_NAME)
    plain = tiny_network(family, **changes)
    plain.set_attn_implementation("eager")
    merged = tiny_network(family, **changes)
    merged.set_attn_implementation("eager")
    if is_int8:
        round_weights(plain)
        round_weights(merged)
    for name, update in lora.updates.items() if lora is not None else ():
        layer: Any = merged.base_model.get_submodule(name)
        layer.weight += update.up @ update.down
    model = LoadedModel(
        network=network,
        tokenizer=cast(Any, WORDS),
        chat=CHAT,
        geometry=ModelGeometry.from_config(network.config),
        name=family,
        fingerprint="",
        device=torch.device("cpu"),
        dtype=torch.float32,
        folder=Path(),
        kernels=KernelChoice(kernels, "for the rules"),
    )
    return World(model, plain, OPENING, STOP_TOKENS, lora, merged)


def random_lora(network: PreTrainedModel, first_layer: int = 0) -> InputLora:
    """Random updates, as large as the weights, of every linear layer from a decoder layer on."""
    generator = torch.Generator().manual_seed(5)

    def drawn(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator) * 0.2

    return InputLora(
        {
            name: LowRank(drawn(RANK, module.in_features), drawn(module.out_features, RANK))
            for name, module in network.base_model.named_modules()
            if isinstance(module, nn.Linear) and int(name.split(".")[1]) >= first_layer
        }
    )


def random_world(random: Random) -> World:
    """Any of the tiny ones."""
    return tiny_world(random.choice(tuple(FAMILIES)))


def adapted_world(random: Random) -> World:
    """Any of the tiny ones, its input channel adapted."""
    return tiny_world(random.choice(tuple(FAMILIES)), is_adapted=True)
