"""The tokenizer keeps people's text apart from chat markup, and stays light."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from duologue.errors import InvalidInput, ModelUnavailable
from duologue.text.tokenizer import Tokenizer
from tests.unit.text.tiny_tokenizers import SPECIAL_TOKENS, byte_level, sentence_piece

texts_with_markup = st.lists(
    st.one_of(st.text(max_size=8), st.sampled_from(SPECIAL_TOKENS)), max_size=6
).map("".join)


@given(text=texts_with_markup)
def test_text_never_becomes_a_special_token_and_comes_back_whole(text: str) -> None:
    tokenizer = byte_level()
    tokens = tokenizer.encode(text)
    assert not tokenizer.special_tokens.intersection(tokens)
    assert tokenizer.decode(tokens) == text


@given(text=texts_with_markup)
def test_text_and_markup_are_encoded_as_transformers_does(text: str) -> None:
    tokenizer = byte_level()
    reference = PreTrainedTokenizerFast(tokenizer_object=tokenizer._markup)
    as_text = reference(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    as_markup = reference(text, add_special_tokens=False, split_special_tokens=False)["input_ids"]
    assert tokenizer.encode(text) == as_text
    assert tokenizer.encode_markup(text) == as_markup


def test_markup_has_special_tokens_and_decoding_leaves_them_out() -> None:
    tokenizer = byte_level()
    tokens = tokenizer.encode_markup("<|im_start|>people<|im_end|>")
    assert len(tokenizer.special_tokens.intersection(tokens)) == 2
    assert tokenizer.decode(tokens) == "people"


def test_leading_tokens_are_what_the_file_asks_for() -> None:
    assert byte_level().leading_tokens() == ()
    bos = sentence_piece().leading_tokens()
    assert len(bos) == 1
    assert sentence_piece().encode_markup("<s>") == list(bos)


def test_the_size_of_the_vocabulary_counts_special_tokens() -> None:
    tokenizer = byte_level()
    assert max(tokenizer.special_tokens) < tokenizer.vocab_size
    assert max(tokenizer.encode("What is the weather? 🙂")) < tokenizer.vocab_size


def test_a_lone_surrogate_is_refused_as_input() -> None:
    with pytest.raises(InvalidInput, match="surrogates"):
        byte_level().encode("a\ud800b")


def test_truncation_left_in_the_file_is_ignored(tmp_path: Path) -> None:
    tokenizer = byte_level()
    fields = json.loads(tokenizer._markup.to_str())
    fields["truncation"] = {
        "direction": "Right",
        "max_length": 2,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    text = "How many people live in the capital?"
    assert Tokenizer.from_file(path).encode(text) == tokenizer.encode(text)


@pytest.mark.parametrize("content", [b"{}", b"not json", b"\xff\xfe", None])
def test_a_missing_or_broken_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"tokenizer\.json"):
        Tokenizer.from_file(path)


def test_the_text_package_imports_neither_torch_nor_transformers() -> None:
    script = (
        "import importlib, pkgutil, sys, duologue.text as package\n"
        "for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert 'duologue.text.tokenizer' in sys.modules\n"
        "heavy = {'torch', 'transformers', 'numpy', 'jinja2', 'ray', 'grpc'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
