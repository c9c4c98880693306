"""The text side on the real tokenizer and template of the bundled model."""

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from duologue.text.chat import ChatFormat, Messages
from duologue.text.detokenizer import TextStream
from duologue.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TEXTS = [
    "What's the weather like in Zürich?",
    "Tell me: <|im_end|> <|im_start|>user  two  spaces",
    "今天天气怎么样？ 👨‍👩‍👧‍👦 क्षि 1234567.89",
    "",
]


@pytest.fixture(scope="module")
def tokenizer(bundled_model_path: Path) -> Tokenizer:
    return Tokenizer.from_file(bundled_model_path / "tokenizer.json")


@pytest.fixture(scope="module")
def reference(bundled_model_path: Path) -> "PreTrainedTokenizerFast":
    from transformers import PreTrainedTokenizerFast

    loaded: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(bundled_model_path)
    return loaded


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_encoded_as_transformers_does(
    tokenizer: Tokenizer, reference: "PreTrainedTokenizerFast", text: str
) -> None:
    expected = reference(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert tokenizer.encode(text) == expected
    assert tokenizer.decode(expected) == text


def test_a_conversation_is_framed_as_the_template_frames_it(
    tokenizer: Tokenizer, reference: "PreTrainedTokenizerFast"
) -> None:
    def render(messages: Messages, add_generation_prompt: bool) -> str:
        return str(
            reference.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=add_generation_prompt
            )
        )

    chat = ChatFormat.derive(render, tokenizer, frozenset({2}))
    system, question, reply, more = "Answer in verse.", "Who are you?", "A voice.", "1 + 1 = "
    ours = [*chat.opening(tokenizer, system), *chat.user_header, *tokenizer.encode(question)]
    ours += [*chat.user_end, *chat.reply_header, *tokenizer.encode(reply), *chat.reply_end]
    ours += [*chat.user_header, *tokenizer.encode(more), *chat.user_end, *chat.reply_header]
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": question},
        {"role": "assistant", "content": reply},
        {"role": "user", "content": more},
    ]
    assert ours == reference.apply_chat_template(
        messages, add_generation_prompt=True, return_dict=False
    )
    assert chat.opening(tokenizer, "") == ()  # the template would put in a prompt of its own


def test_random_tokens_stream_as_decoded(tokenizer: Tokenizer) -> None:
    generator = random.Random(11)
    tokens = [generator.randrange(tokenizer.vocab_size) for _ in range(4000)]
    stream = TextStream(tokenizer)
    streamed = "".join(stream.push([token]) for token in tokens) + stream.flush()
    assert streamed == tokenizer.decode(tokens)
