"""Llama-like models as the triton set takes them: products that share their input are one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from transformers import PreTrainedModel

from duologue.forward.input_lora import LowRank
from duologue.forward.joined_updates import Update, joined_update
from duologue.forward.llama_like import PackedAway, norm_of, release, rotation_of, windows
from duologue.forward.triton.operations import add_update
from duologue.forward.triton.shapes import HeadShape
from duologue.model.geometry import ModelGeometry


@dataclass(frozen=True, slots=True)
class Product:
    """A linear layer, or several that read the same states, their outputs one after another."""

    weight: Tensor  # [outputs, inputs]
    bias: Tensor | None
    update: tuple[Tensor, Tensor] | None = None
    """For rows of input channels: [inputs, rank] and [rank, outputs], in the model's format."""

    def of(self, states: Tensor, inputs: Tensor | None) -> Tensor:
        """states: [rows, inputs]; `inputs` marks the rows of input channels, None without any."""
        result = linear(states, self.weight, self.bias)
        if self.update is not None and inputs is not None:
            down, up = self.update
            add_update(result, states @ down, up, inputs)
        return result

    def with_update(self, update: Update | None) -> "Product":
        if update is None:
            return self
        down, up = (part.to(self.weight.dtype) for part in update)
        return Product(self.weight, self.bias, (down.T.contiguous(), up.contiguous()))


@dataclass(frozen=True, slots=True)
class Layer:
    """One decoder layer; norms in float32."""

    qkv: Product
    output: Product
    gate_up: Product
    down: Product
    attention_norm: Tensor
    mlp_norm: Tensor
    head_norms: tuple[Tensor, Tensor] | None


@dataclass(frozen=True, slots=True)
class DeviceLlama:
    """All weights of a model on its device, and the sizes that its configuration gives."""

    layers: tuple[Layer, ...]
    head: Product
    final_norm: Tensor  # float32
    embedding: Tensor  # [tokens, hidden]
    frequencies: Tensor  # float32 [rotated / 2]
    rotary_scale: float
    heads: HeadShape
    geometry: ModelGeometry
    eps: float
    window: int | None

    @property
    def dtype(self) -> torch.dtype:
        return self.embedding.dtype

    @property
    def device(self) -> torch.device:
        return self.embedding.device

    def adapted_by(self, updates: Mapping[str, LowRank]) -> tuple[Layer, ...]:
        """The layers with updates, which go by the layers' names in the body."""
        return tuple(self._adapted(number, updates) for number in range(len(self.layers)))

    def _adapted(self, number: int, updates: Mapping[str, LowRank]) -> Layer:
        layer, heads = self.layers[number], self.heads

        def adapted(product: Product, names: Sequence[str], widths: Sequence[int]) -> Product:
            found = [updates.get(f"layers.{number}.{name}") for name in names]
            return product.with_update(joined_update(found, widths, product.weight.shape[0]))

        queries, keys = heads.heads * heads.dim, heads.kv_heads * heads.dim
        inner = layer.down.weight.shape[1]
        attention = [f"self_attn.{name}_proj" for name in "qkv"]
        return Layer(
            qkv=adapted(layer.qkv, attention, [queries, keys, keys]),
            output=adapted(layer.output, ["self_attn.o_proj"], [0]),
            gate_up=adapted(layer.gate_up, ["mlp.gate_proj", "mlp.up_proj"], [inner, inner]),
            down=adapted(layer.down, ["mlp.down_proj"], [0]),
            attention_norm=layer.attention_norm,
            mlp_norm=layer.mlp_norm,
            head_norms=layer.head_norms,
        )


def device_llama(network: PreTrainedModel, *, releases: bool = False) -> DeviceLlama:
    """Take a Llama-like network's weights.

    With `releases`, each layer gives its weights up as soon as they are joined, so that memory
    never holds all of them twice; the network itself cannot compute from then on.
    """
    body: Any = network.base_model
    config: Any = network.config
    geometry = ModelGeometry.from_config(config)
    layers = []
    for layer in body.layers:
        layers.append(_layer(layer))
        if releases:
            release(layer)
    head: Any = network.get_output_embeddings()
    if releases:
        network.set_output_embeddings(PackedAway(head))
    frequencies, rotary_scale = rotation_of(network)
    return DeviceLlama(
        layers=tuple(layers),
        head=_product(head),
        final_norm=body.norm.weight.data.float(),
        embedding=body.embed_tokens.weight.data,
        frequencies=frequencies,
        rotary_scale=rotary_scale,
        heads=HeadShape(geometry.num_kv_heads, geometry.num_query_groups, geometry.head_dim),
        geometry=geometry,
        eps=float(config.rms_norm_eps),
        window=windows(network)[0],
    )


def _layer(layer: Any) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    query_norm, key_norm = (norm_of(attention, name) for name in ("q_norm", "k_norm"))
    has_norms = query_norm is not None and key_norm is not None
    return Layer(
        qkv=_product(attention.q_proj, attention.k_proj, attention.v_proj),
        output=_product(attention.o_proj),
        gate_up=_product(mlp.gate_proj, mlp.up_proj),
        down=_product(mlp.down_proj),
        attention_norm=layer.input_layernorm.weight.data.float(),
        mlp_norm=layer.post_attention_layernorm.weight.data.float(),
        head_norms=(query_norm, key_norm) if has_norms else None,  # type: ignore[arg-type]
    )


def _product(*linears: Any) -> Product:
    weights = [layer.weight.data for layer in linears]
    if len(linears) == 1:
        return Product(weights[0], linears[0].bias)
    biases = [layer.bias for layer in linears]
    bias = None
    if any(one is not None for one in biases):
        pairs = zip(weights, biases, strict=True)
        bias = torch.cat([w.new_zeros(len(w)) if one is None else one.data for w, one in pairs])
    return Product(torch.cat(weights), bias)
