"""Thoughts are never shown: they are switched off, end the reply, or the model is refused."""

from pathlib import Path

import pytest

from duologue.errors import ModelUnavailable
from duologue.model.loading import LoadedModel, load_model
from tests.tiny_models import CHAT_TEMPLATE, tiny_tokenizer, write_tiny_model

QWEN_3 = CHAT_TEMPLATE.replace(
    "assistant\n{% endif %}",
    "assistant\n{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}",
)
"""It leaves the thinking to the model, unless it is switched off."""
DEEPSEEK_V3 = CHAT_TEMPLATE.replace(
    "assistant\n{% endif %}",
    "assistant\n{% if thinking %}<think>{% else %}</think>{% endif %}{% endif %}",
)
ALWAYS_OPEN = CHAT_TEMPLATE.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
NO_SWITCH = CHAT_TEMPLATE.replace(
    "{{ message['content'] }}", "{{ message['content'].split('</think>')[-1] }}"
)


def load(tmp_path: Path, template: str, *added: str) -> LoadedModel:
    folder = write_tiny_model(tmp_path, vocab_size=330)
    words = tiny_tokenizer()
    words.add_tokens(list(added))
    words.chat_template = template
    words.save_pretrained(folder)
    return load_model(folder, device="cpu", dtype="float32", attention="eager")


@pytest.mark.parametrize("added", [(), ("<think>", "</think>")], ids=["pieces", "tokens"])
def test_a_switch_is_turned_off(tmp_path: Path, added: tuple[str, ...]) -> None:
    model = load(tmp_path, QWEN_3, *added)
    header = model.tokenizer.encode_markup("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert list(model.chat.reply_header) == header


def test_another_switch_is_turned_off_too(tmp_path: Path) -> None:
    model = load(tmp_path, DEEPSEEK_V3)
    assert list(model.chat.reply_header) == model.tokenizer.encode_markup(
        "<|im_start|>assistant\n</think>"
    )


def test_a_reply_ends_where_a_thought_begins(tmp_path: Path) -> None:
    model = load(tmp_path / "tokens", QWEN_3, "<think>", "</think>")
    assert model.chat.stop_tokens == {2, *model.tokenizer.encode_markup("<think>")}
    assert not model.chat.stop_strings
    model = load(tmp_path / "pieces", QWEN_3)
    assert model.chat.stop_tokens == {2}
    assert model.chat.stop_strings == ("<think>",)


def test_a_template_that_opens_a_thought_anyway_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"begins every reply with a thought \('<think>'\)"):
        load(tmp_path, ALWAYS_OPEN)


def test_a_template_that_hides_thoughts_and_has_no_switch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"knows thoughts \('</think>'\) and has no switch"):
        load(tmp_path, NO_SWITCH)


def test_a_model_that_does_not_think_has_no_such_stops(tmp_path: Path) -> None:
    model = load(tmp_path, CHAT_TEMPLATE)
    assert model.chat.stop_tokens == {2}
    assert not model.chat.stop_strings
