"""A long utterance costs no more than it must: each change of it is encoded once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from duologue.floor_settings import FloorSettings
from duologue.session.session import Session
from duologue.text.tokenizer import Tokenizer
from tests.unit.session.scenes import LONG
from tests.unit.session.stage import CONFIRMED, EAGER, Setting, Stage
from tests.unit.text.tiny_tokenizers import byte_level

SENTENCE = "What is the weather in Paris today, and what will it be tomorrow"


class CountingTokenizer(Tokenizer):
    """Notes what it is given to encode."""

    def __init__(self) -> None:
        super().__init__(byte_level().serialized, Path("counting.json"))
        self.encoded: list[str] = []

    def encode(self, text: str) -> list[int]:
        self.encoded.append(text)
        return super().encode(text)

    def taken(self) -> list[str]:
        """What was encoded since the last time."""
        taken, self.encoded = self.encoded, []
        return taken


def counted(setting: Setting | None = None, **decoding: Any) -> tuple[Stage, CountingTokenizer]:
    stage, tokenizer = Stage(setting, **decoding), CountingTokenizer()
    stage.session = Session("session", replace(stage.setup, tokenizer=tokenizer))
    tokenizer.taken()
    return stage, tokenizer


def letter_by_letter(text: str) -> list[str]:
    """What is read of the utterance after each letter: not a blank or a comma at its end."""
    texts = [text[:end].rstrip(" ,") for end in range(1, len(text) + 1)]
    return list(dict.fromkeys(texts))


@pytest.mark.parametrize("strategy", ["duo", "tdm", "turn"])
def test_a_sentence_that_is_typed_is_encoded_once_for_each_letter(strategy: str) -> None:
    stage, tokenizer = counted(strategy=strategy)
    for letter in SENTENCE:
        stage.say(letter)
        for _ in range(5):
            stage.session.pending(stage.clock.now_ms())
        stage.tick()
    assert tokenizer.taken() == letter_by_letter(SENTENCE)


def test_letters_that_come_within_one_tick_too() -> None:
    stage, tokenizer = counted()
    for letter in SENTENCE:
        stage.say(letter)
    stage.tick()
    assert len(tokenizer.taken()) <= len(letter_by_letter(SENTENCE))


def test_a_sentence_that_is_revised_is_encoded_once_for_each_revision() -> None:
    stage, tokenizer = counted()
    stage.say("W")
    for end in range(2, len(SENTENCE) + 1):
        stage.revise(SENTENCE[:end])
        stage.tick()
    assert tokenizer.taken() == letter_by_letter(SENTENCE)


def test_silence_encodes_nothing() -> None:
    stage, tokenizer = counted()
    stage.say(SENTENCE)
    stage.tick(5)
    tokenizer.taken()
    stage.tick(10)
    assert tokenizer.taken() == []


def test_a_tail_of_blanks_encodes_nothing() -> None:
    stage, tokenizer = counted()
    stage.say(SENTENCE)
    stage.tick()
    tokenizer.taken()
    for _ in range(10):
        stage.say(" ")
        stage.tick()
    assert tokenizer.taken() == []


@pytest.mark.parametrize("floor", [EAGER, CONFIRMED])
def test_a_reply_that_runs_encodes_nothing(floor: FloorSettings) -> None:
    stage, tokenizer = counted(Setting(replies=(LONG * 4,), floor=floor))
    stage.say("How are you?")
    stage.tick(5)
    assert stage.session.lane.is_speaking
    tokenizer.taken()
    for chars in range(0, 60, 3):
        stage.ack(1, chars)
        stage.session.pending(stage.clock.now_ms())
        stage.tick()
    assert stage.session.lane.is_speaking
    assert tokenizer.taken() == []


@pytest.mark.parametrize("floor", [EAGER, CONFIRMED])
def test_a_sentence_typed_into_a_reply_is_encoded_once_for_each_letter(
    floor: FloorSettings,
) -> None:
    stage, tokenizer = counted(Setting(replies=(LONG * 9,), floor=floor))
    stage.say("How are you?")
    stage.tick(5)
    tokenizer.taken()
    for place, letter in enumerate(SENTENCE):
        stage.ack(1, place)
        stage.say(letter, "b")
        stage.tick()
    encoded = [text for text in tokenizer.taken() if SENTENCE.startswith(text) and text]
    assert encoded == letter_by_letter(SENTENCE)
