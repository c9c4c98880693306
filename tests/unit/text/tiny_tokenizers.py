"""Small tokenizers of the kinds that real models have, trained on a few lines in a moment."""

from functools import cache
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from duologue.text.tokenizer import Tokenizer

SPECIAL_TOKENS = (
    "<s>",
    "</s>",
    "<unk>",
    "<bos>",
    "<eos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|im_start|>",
    "<|im_end|>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
_LINES = (
    "What is the weather in Paris today, and what will it be tomorrow?",
    "system user assistant model: the quick brown fox jumps over the lazy dog.",
    "How many people live in the capital of France? About two million people live there.",
    "Please tell me a story about a robot that learns how to sing. [INST] once [/INST]",
    "天气怎么样？今天天气很好。 naïve café, Größe, über, 12 345 6789 🙂🙂 👍🏽",
)


@cache
def byte_level() -> Tokenizer:
    """GPT-2's kind: every byte has a token, so every Unicode text can be encoded."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(_LINES, trainer)
    return Tokenizer(made.to_str(), Path("byte-level.json"))


@cache
def sentence_piece() -> Tokenizer:
    """Llama-2's kind: spaces are "▁", one is put in front of a text, unknown text goes by bytes."""
    pieces = [*SPECIAL_TOKENS[:3], *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    words = sorted({word for line in _LINES for word in line.split() if word.isascii()})
    merges: list[tuple[str, str]] = []
    for word in words:
        built = "▁"
        for character in word:
            if (built, character) not in merges:
                merges.append((built, character))
            built += character
            pieces += [character, built]
    vocabulary = {piece: token for token, piece in enumerate(dict.fromkeys(pieces))}
    model = models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    made = tokenizers.Tokenizer(model)
    made.add_special_tokens(list(SPECIAL_TOKENS[:3]))
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", vocabulary["<s>"])]
    )
    return Tokenizer(made.to_str(), Path("sentence-piece.json"))
