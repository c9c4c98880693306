"""Llama-like models, which sets of our own kernels can run: which they are, and what they lack
once their weights are packed."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    LlamaForCausalLM,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
)

FAMILIES = (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
"""All the same but for biases, norms of heads and windows."""

STEADY_ROTARY = ("default", "linear", "llama3", "yarn")
"""Kinds of rotary embedding whose frequencies do not change with the length of a context."""


def why_unlike(network: PreTrainedModel) -> str:
    """Why a model is not Llama-like, in words; empty if it is."""
    config: Any = network.config
    if type(network) not in FAMILIES:
        return f"'{config.model_type}' is not one of the Llama-like families"
    if config.hidden_act not in ("silu", "swish"):
        return f"its activation is {config.hidden_act}"
    if not _is_steady(config.rope_parameters):
        return f"its rotary embedding is of the kind '{config.rope_parameters['rope_type']}'"
    if len(set(windows(network))) > 1:
        return "its layers differ in how far they look back"
    if any(layer.mlp.gate_proj.bias is not None for layer in network.base_model.layers):  # type: ignore[union-attr]
        return "its dense layers have biases"
    return ""


def _is_steady(rotary: Mapping[str, Any]) -> bool:
    kind = rotary.get("rope_type", "default")
    is_even = kind == "longrope" and rotary["short_factor"] == rotary["long_factor"]
    return is_even or kind in STEADY_ROTARY


def windows(network: PreTrainedModel) -> list[int | None]:
    """How far each layer looks back, None for everything."""
    config: Any = network.config
    layers: Any = network.base_model.layers
    if isinstance(network, MistralForCausalLM):
        return [config.sliding_window] * len(layers)
    return [getattr(layer.self_attn, "sliding_window", None) for layer in layers]


def norm_of(attention: nn.Module, name: str) -> Tensor | None:
    """The weights of a norm of heads in float32, where a model has it."""
    norm: Any = getattr(attention, name, None)
    weights: Tensor | None = None if norm is None else norm.weight.data.float()
    return weights


class PackedAway(nn.Module):
    """Stands where a layer was whose weights are in a packed model."""

    def __init__(self, layer: nn.Linear | nn.Embedding) -> None:
        super().__init__()
        self.out_features, self.in_features = layer.weight.shape

    def forward(self, *_: object) -> Tensor:
        raise AssertionError("this network's weights are packed for kernels of another set")


def release(layer: nn.Module) -> None:
    """Let go of the weights of all linear layers within one."""
    for parent in list(layer.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, PackedAway(child))


def rotation_of(network: PreTrainedModel) -> tuple[Tensor, float]:
    """Frequencies, float32 [rotated / 2], and the factor of cosines and sines."""
    rotary: Any = network.base_model.rotary_emb
    frequencies: Tensor = rotary.inv_freq.to(torch.float32)
    return frequencies, float(rotary.attention_scaling)
