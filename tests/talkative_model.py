"""A tiny random model that never ends a reply by itself: only its limit does.

A random one may end a reply at its first token, so that there is nothing to say, and who waits for
it waits for ever. Here one direction is the same behind every token, and special tokens are read
from it as the unlikeliest of all.
"""

from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedModel

from tests.tiny_models import tiny_network, tiny_tokenizer

NUM_SPECIAL_TOKENS = 3
"""Of the tiny tokenizer, in front of all others."""
_STRENGTH = 1.0
_UNLIKELY = -1_000.0


def write_talkative_model(folder: Path) -> Path:
    """Write the model and its tokenizer into `folder`, to be loaded with `load_model`."""
    folder.mkdir(parents=True, exist_ok=True)
    talkative_network().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def talkative_network() -> PreTrainedModel:
    """The network, the same at each call."""
    network = tiny_network("llama")
    assert isinstance(network, LlamaForCausalLM)
    with torch.no_grad():
        network.model.embed_tokens.weight[:, 0] = _STRENGTH
        for layer in network.model.layers:  # none adds to that direction
            layer.self_attn.o_proj.weight[0] = 0.0
            layer.mlp.down_proj.weight[0] = 0.0
        scores = network.lm_head.weight
        scores[:, 0] = 0.0
        scores[:NUM_SPECIAL_TOKENS] = 0.0
        scores[:NUM_SPECIAL_TOKENS, 0] = _UNLIKELY
    return network
