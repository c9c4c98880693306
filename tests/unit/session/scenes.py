"""Scenes to begin with, in which replies wait until the decision behind them is confirmed."""

from typing import Any

from duologue.events import ResponseStarted
from duologue.floor_settings import FloorSettings, ListeningSettings
from tests.unit.session.stage import CONFIRMED, LISTENING, Setting, Stage

LONG = "I am quite well today, thank you for asking me."
REPLIES = (LONG, "Second.", "Third.")


def scene(
    *replies: str,
    floor: FloorSettings = CONFIRMED,
    listening: ListeningSettings = LISTENING,
    **decoding: Any,
) -> Stage:
    """Nothing was said yet."""
    setting = Setting(replies=replies or REPLIES, floor=floor, listening=listening)
    return Stage(setting, **{"continues_within_ms": 1200, **decoding})


def held(text: str = "How are you?", *replies: str, **settings: Any) -> Stage:
    """The text was just found to be a query; the reply to it waits."""
    stage = scene(*replies, **settings)
    stage.say(text)
    stage.tick()
    assert num_started(stage) == 0
    return stage


def speaking(text: str = "How are you?", *replies: str, **settings: Any) -> Stage:
    """Of the reply, "I am quite well today, thank yo" was shown."""
    stage = held(text, *replies, **settings)
    stage.tick(4)
    assert num_started(stage) == 1
    return stage


def num_started(stage: Stage) -> int:
    """Replies that were shown."""
    return sum(isinstance(event, ResponseStarted) for event in stage.events)
