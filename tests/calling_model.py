"""A model that was built by hand to call a tool: a real network, whose weights are a script.

To whatever it is asked it says that it looks, and calls `get_weather`. Once a result stands in
its context, it tells of that. Each token of the script leads to the next one: the embedding of a
token is a direction of its own, and the output weights of the next token read it. The only head
looks for a tool's result, at all positions alike, and what it finds decides how a reply begins.
"""

from pathlib import Path

import torch
from tokenizers import AddedToken
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from tests.tiny_models import tiny_config, tiny_tokenizer

_SAID_FIRST = (
    "Let me",
    " look",
    " that",
    " up",
    " for",
    " you,",
    " which",
    " takes",
    " a",
    " moment.",
)
LOOKING = "".join(_SAID_FIRST)
ARGUMENTS = '{"place": "K\u00f6ln"}'
ANSWER = "It pours there."

_CALL = ('<tool_call>\n{"name": "get_weather", ', f'"arguments": {ARGUMENTS}}}', "\n</tool_call>")
_SAID_THEN = ("It pours", " there.")
_RESULT = "<|result|>"

TEMPLATE = (
    "{% if tools or messages[0].role == 'system' %}<|im_start|>system\n"
    "{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}"
    "{% if tools %}\n\nTools:{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endif %}"
    "{% for m in messages %}{% if m.role == 'tool' %}"
    "<|im_start|>user\n<|result|>{{ m.content }}<|im_end|>\n"
    "{% elif m.tool_calls %}<|im_start|>assistant\n"
    "{% for call in m.tool_calls %}<tool_call>\n"
    '{{ \'{"name": "\' + call.function.name + \'", "arguments": \' }}'
    "{{ call.function.arguments | tojson }}}\n</tool_call>{% endfor %}<|im_end|>\n"
    "{% elif m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_calling_model(folder: Path) -> Path:
    """Write the model and its tokenizer into `folder`, to be loaded with `load_model`."""
    folder.mkdir(parents=True, exist_ok=True)
    words = _words()
    _network(words).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def _words() -> PreTrainedTokenizerFast:
    words = tiny_tokenizer()
    pieces = (*_SAID_FIRST, *_CALL, *_SAID_THEN)
    words.add_tokens([AddedToken(piece, normalized=False) for piece in pieces])
    words.add_tokens([AddedToken(_RESULT, special=True, normalized=False)], special_tokens=True)
    words.chat_template = TEMPLATE
    return words


def _network(words: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    size = len(words)
    width = -(-(size + 1) // 8) * 8  # a direction for each token, and one for what the head finds
    config = tiny_config(
        vocab_size=size,
        hidden_size=width,
        num_hidden_layers=1,
        max_position_embeddings=2048,
    )
    network = LlamaForCausalLM(config)  # type: ignore[arg-type]
    found = width - 1

    def token(text: str) -> int:
        (only,) = words.encode(text, add_special_tokens=False)
        return int(only)

    begins, end = words.encode("<|im_start|>assistant\n")[-1], token("<|im_end|>")
    with torch.no_grad():
        for weights in network.parameters():
            if weights.dim() == 2:
                weights.zero_()
        layer, scores = network.model.layers[0], network.lm_head.weight
        for each in range(size):
            network.model.embed_tokens.weight[each, each] = 1.0
        layer.self_attn.v_proj.weight[0, token(_RESULT)] = 1.0
        layer.self_attn.o_proj.weight[found, 0] = 1_000.0
        first, then = (*_SAID_FIRST, *_CALL), _SAID_THEN
        scores[token(first[0]), begins] = 10.0
        scores[token(then[0]), found] = 20.0
        for script in (first, then):
            for piece, following in zip(script, (*script[1:], None), strict=True):
                scores[token(following) if following else end, token(piece)] = 1e6
    network.eval()
    return network
