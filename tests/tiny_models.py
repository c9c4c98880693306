"""Tiny random models in folders, as Hugging Face lays them out: real code, no real weights.

Weights are drawn larger than training would start with, so that attention is far from uniform and
a mistake in a mask or a position shows in the logits.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

CONFIGS: dict[str, type[PreTrainedConfig]] = {
    "llama": LlamaConfig,
    "qwen2": Qwen2Config,
    "qwen3": Qwen3Config,
    "mistral": MistralConfig,
    "gemma2": Gemma2Config,
    "gemma3": Gemma3TextConfig,
}
"""The families by name, each with grouped-query attention in the models made here."""

FAMILIES = tuple(CONFIGS)

VOCAB_SIZE = 320
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_CORPUS = (
    "what is the capital of france and how far is it from here",
    "the train that leaves at noon arrives in the evening",
    "user assistant system you are a helpful assistant that answers the question",
)


def tiny_tokenizer(vocab_size: int = VOCAB_SIZE) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with a ChatML template; every text can be encoded.

    Tokens: three special ones (0 to 2, the last ends a turn), 256 bytes, the rest merges.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(_SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_CORPUS, trainer)
    assert backend.get_vocab_size() == vocab_size
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
    )


def tiny_config(family: str = "llama", **changes: Any) -> PreTrainedConfig:
    """The configuration of a tiny model: 2 layers, 4 heads over 2 key/value heads of 8.

    `family` is one of ours or a kind that transformers knows.
    """
    sizes: dict[str, Any] = {
        "vocab_size": VOCAB_SIZE,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    kind = CONFIGS.get(family) or CONFIG_MAPPING[family]
    made: PreTrainedConfig = kind(**(sizes | changes))
    return made


def tiny_network(family: str = "llama", *, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A random network in eval mode, the same for the same arguments whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = AutoModelForCausalLM.from_config(tiny_config(family, **changes))
    frozen: PreTrainedModel = network.eval().requires_grad_(False)
    return frozen


def write_tiny_model(folder: Path, family: str = "llama", *, seed: int = 0, **changes: Any) -> Path:
    """Write a random model and the tokenizer into `folder`, to be loaded with `load_model`.

    `changes` go into the configuration: write_tiny_model(path, "mistral", sliding_window=16).
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = tiny_network(family, seed=seed, **changes)
    network.save_pretrained(folder)
    tiny_tokenizer(int(network.config.get_text_config().vocab_size)).save_pretrained(folder)
    return folder
