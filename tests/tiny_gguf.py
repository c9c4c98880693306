"""A tiny Llama as a GGUF file, to test conversion in milliseconds."""

import json
from collections.abc import Callable, Collection
from pathlib import Path

import gguf
import torch
from transformers import PreTrainedModel

from tests.tiny_models import CHAT_TEMPLATE, tiny_network, tiny_tokenizer


def write_tiny_gguf(
    path: Path,
    *,
    seed: int = 0,
    tensors_per_part: int = 0,
    without: Collection[str] = (),
    unmarked: Collection[str] = (),
    template: str | None = CHAT_TEMPLATE,
    eos: int | None = 2,
    add: Callable[[gguf.GGUFWriter], None] = lambda writer: None,
) -> PreTrainedModel:
    """Write a random Llama in float32 to `path`, and return the network that it was made from.

    With `tensors_per_part` it is cut into files that are numbered behind the path's stem. Tensors
    can be left out, and control tokens be written as ordinary ones. `add` adds what it likes.
    """
    network = tiny_network("llama", seed=seed)
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=tensors_per_part)
    _add_sizes(writer, network)
    _add_words(writer, unmarked, template, eos)
    add(writer)
    for name, weight in network.state_dict().items():
        if _gguf_name(name) not in without:
            writer.add_tensor(_gguf_name(name), _gguf_order(name, weight, network).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return network


def _add_sizes(writer: gguf.GGUFWriter, network: PreTrainedModel) -> None:
    config = network.config
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])


def _add_words(
    writer: gguf.GGUFWriter, unmarked: Collection[str], template: str | None, eos: int | None
) -> None:
    words = tiny_tokenizer()
    vocabulary = sorted(words.get_vocab().items(), key=lambda entry: entry[1])
    special = {
        token
        for token, entry in words.backend_tokenizer.get_added_tokens_decoder().items()
        if entry.content not in unmarked
    }
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    model = json.loads(words.backend_tokenizer.to_str())["model"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([word for word, _ in vocabulary])
    writer.add_token_types([control if token in special else normal for _, token in vocabulary])
    writer.add_token_merges([" ".join(merge) for merge in model["merges"]])
    if eos is not None:
        writer.add_eos_token_id(eos)
    writer.add_pad_token_id(0)
    if template is not None:
        writer.add_chat_template(template)


def _gguf_name(name: str) -> str:
    """blk.0.attn_q.weight for model.layers.0.self_attn.q_proj.weight, and so on."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    stem, suffix = name.rsplit(".", 1)
    found = names.get_name(stem)
    assert found is not None, name
    return f"{found}.{suffix}"


def _gguf_order(name: str, weight: torch.Tensor, network: PreTrainedModel) -> torch.Tensor:
    """GGUF keeps the two halves of a rotary pair side by side in a Llama's queries and keys."""
    config = network.config
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for part, num_heads in heads.items():
        if part in name:
            halves = weight.view(num_heads, 2, config.head_dim // 2, config.hidden_size)
            return halves.transpose(1, 2).reshape(weight.shape).contiguous()
    return weight
