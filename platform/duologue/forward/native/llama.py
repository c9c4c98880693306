"""Llama-like models as the library takes them: which they are, and their weights packed."""

from dataclasses import dataclass
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

from duologue.forward.native.packing import PackedWeights, Packer
from duologue.forward.native.structures import DIM_BLOCK, MAX_DIM, TYPES
from duologue.model.geometry import ModelGeometry

FAMILIES = (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
"""All the same but for biases, norms of heads and windows."""

STEADY_ROTARY = ("default", "linear", "llama3", "yarn")
"""Kinds of rotary embedding whose frequencies do not change with the length of a context."""


def why_not(network: PreTrainedModel) -> str:
    """Why the library cannot run this model, in words; empty if it can."""
    config: Any = network.config
    if network.device.type != "cpu":
        return f"the model is on {network.device}"
    if network.dtype not in TYPES:
        return f"weights are {str(network.dtype).removeprefix('torch.')}"
    if type(network) not in FAMILIES:
        return f"'{config.model_type}' is not one of the Llama-like families"
    geometry = ModelGeometry.from_config(config)
    if geometry.head_dim % DIM_BLOCK or geometry.head_dim > MAX_DIM:
        return f"heads have {geometry.head_dim} dimensions, not a multiple of {DIM_BLOCK}"
    if config.hidden_act not in ("silu", "swish"):
        return f"its activation is {config.hidden_act}"
    rotary = config.rope_parameters.get("rope_type", "default")
    if rotary not in STEADY_ROTARY:
        return f"its rotary embedding is of the kind '{rotary}'"
    if geometry.hidden_size % 2 or config.intermediate_size % 2:
        return "it has an odd width"
    if len(set(windows(network))) > 1:
        return "its layers differ in how far they look back"
    if any(layer.mlp.gate_proj.bias is not None for layer in network.base_model.layers):  # type: ignore[union-attr]
        return "its dense layers have biases"
    return ""


def windows(network: PreTrainedModel) -> list[int | None]:
    """How far each layer looks back, None for everything."""
    config: Any = network.config
    layers: Any = network.base_model.layers
    if isinstance(network, MistralForCausalLM):
        return [config.sliding_window] * len(layers)
    return [getattr(layer.self_attn, "sliding_window", None) for layer in layers]


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """One decoder layer; norms in float32."""

    qkv: PackedWeights
    output: PackedWeights
    gate_up: PackedWeights
    down: PackedWeights
    attention_norm: Tensor
    mlp_norm: Tensor
    query_norm: Tensor | None
    key_norm: Tensor | None


@dataclass(frozen=True, slots=True)
class PackedLlama:
    """All weights of a model, and the sizes that its configuration gives."""

    layers: tuple[PackedLayer, ...]
    head: PackedWeights
    final_norm: Tensor  # float32
    embedding: Tensor | None  # [tokens, hidden], in the model's format; None: the head's weights
    num_tokens: int  # that have an embedding
    frequencies: Tensor  # float32 [rotated / 2]
    rotary_scale: float
    geometry: ModelGeometry
    inner: int
    eps: float
    window: int | None
    dtype: torch.dtype


def pack_llama(
    network: PreTrainedModel, *, releases: bool = False, is_int8: bool = False
) -> PackedLlama:
    """Pack the weights of a model that `why_not` has nothing against.

    With `releases`, each linear layer gives its weights up as soon as they are packed, so that
    memory never holds all of them twice; the network itself cannot compute from then on. With
    `is_int8`, weights are rounded to 8-bit numbers.
    """
    body: Any = network.base_model
    config: Any = network.config
    geometry = ModelGeometry.from_config(config)
    packer = Packer(is_int8=is_int8)
    layers = []
    for layer in body.layers:
        layers.append(_pack_layer(layer, packer))
        if releases:
            _release(layer)
    head: Any = network.get_output_embeddings()
    embedding = body.embed_tokens.weight.data
    is_tied = head.weight is body.embed_tokens.weight
    packed_head = packer.pack([head.weight.data], [head.bias])
    if releases:
        network.set_output_embeddings(PackedAway(head))
    if releases and is_tied:
        network.set_input_embeddings(PackedAway(body.embed_tokens))
    return PackedLlama(
        layers=tuple(layers),
        head=packed_head,
        final_norm=body.norm.weight.data.float(),
        embedding=None if is_tied else embedding,
        num_tokens=embedding.shape[0],
        frequencies=body.rotary_emb.inv_freq.float(),
        rotary_scale=float(body.rotary_emb.attention_scaling),
        geometry=geometry,
        inner=int(config.intermediate_size),
        eps=float(config.rms_norm_eps),
        window=windows(network)[0],
        dtype=network.dtype,
    )


class PackedAway(nn.Module):
    """Stands where a layer was whose weights are in a packed model."""

    def __init__(self, layer: nn.Linear | nn.Embedding) -> None:
        super().__init__()
        self.out_features, self.in_features = layer.weight.shape

    def forward(self, *_: object) -> Tensor:
        raise AssertionError("this network's weights are packed for kernels in C")


def _pack_layer(layer: Any, packer: Packer) -> PackedLayer:
    attention, mlp = layer.self_attn, layer.mlp
    return PackedLayer(
        qkv=_pack(packer, attention.q_proj, attention.k_proj, attention.v_proj),
        output=_pack(packer, attention.o_proj),
        gate_up=packer.pack_gates(mlp.gate_proj.weight.data, mlp.up_proj.weight.data),
        down=_pack(packer, mlp.down_proj),
        attention_norm=layer.input_layernorm.weight.data.float(),
        mlp_norm=layer.post_attention_layernorm.weight.data.float(),
        query_norm=_norm_of(attention, "q_norm"),
        key_norm=_norm_of(attention, "k_norm"),
    )


def _pack(packer: Packer, *linears: nn.Linear) -> PackedWeights:
    weights = [linear.weight.data for linear in linears]
    return packer.pack(weights, [linear.bias for linear in linears])


def _norm_of(attention: nn.Module, name: str) -> Tensor | None:
    norm: Any = getattr(attention, name, None)
    return None if norm is None else norm.weight.data.float()


def _release(layer: nn.Module) -> None:
    for parent in list(layer.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, PackedAway(child))
