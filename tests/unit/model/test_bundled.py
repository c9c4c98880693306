"""The bundled model: it is there, complete, and answers in English."""

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from duologue.model.loading import LoadedModel, load_model
from duologue.model.prepared import is_complete

QUESTION = "What is the capital of France?"


def test_it_is_prepared_in_float32(bundled_model_path: Path) -> None:
    assert is_complete(bundled_model_path)
    with safe_open(bundled_model_path / "model.safetensors", framework="pt") as weights:
        assert weights.get_tensor("model.norm.weight").dtype is torch.float32


def test_its_words_are_those_it_was_trained_with(bundled_float32: LoadedModel) -> None:
    words = bundled_float32.tokenizer
    assert words.special_tokens == set(range(17))
    assert words.encode_markup("<|endoftext|><|im_start|><|im_end|>") == [0, 1, 2]
    assert words.decode(words.encode("It's 2024: naïve café ☕")) == "It's 2024: naïve café ☕"
    assert len(words.encode("2024")) == 4
    assert bundled_float32.chat.stop_tokens == {2}


def test_it_answers_a_question_and_ends_its_turn(bundled_model_path: Path) -> None:
    model = load_model("bundled", device="cpu", dtype="float32", attention="eager")
    assert model.folder == bundled_model_path
    chat, words = model.chat, model.tokenizer
    prompt = [
        *chat.opening(words, "You are a helpful assistant."),
        *chat.user_header,
        *words.encode(QUESTION),
        *chat.user_end,
        *chat.reply_header,
    ]
    network: Any = model.network
    with torch.inference_mode():
        output = network.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False)
    reply = output[0, len(prompt) :].tolist()
    assert "The capital of France is Paris." in words.decode(reply)
    assert reply[-1] in chat.stop_tokens
