"""What a model's words make of settings, for a new session and for one that goes on."""

from dataclasses import replace

import pytest

from duologue.errors import InvalidSetting
from duologue.floor_settings import UNCALIBRATED_CONFIRM_ABOVE, FloorSettings
from duologue.session.model_words import ModelWords
from duologue.settings import DecodingSettings, Settings
from duologue.states import State
from tests.unit.session.stage import chat_of
from tests.unit.text.tiny_tokenizers import byte_level


def words() -> ModelWords:
    tokenizer, thresholds = byte_level(), {State.QUERY: 0.5}
    return ModelWords("tiny", tokenizer, chat_of(tokenizer), 4096, thresholds, "d", "w")


def test_a_session_that_goes_on_keeps_what_a_new_one_may_not_have_any_more() -> None:
    before = Settings(decoding=DecodingSettings(system_prompt="zqj " * 60))
    terms = words().setup(before).terms
    decoding = DecodingSettings(system_prompt="zqj " * 60, context_limit_tokens=256)
    with pytest.raises(InvalidSetting, match="system_prompt must fill at most half"):
        words().setup(Settings(decoding=decoding))
    assert words().under(terms).terms == terms


@pytest.mark.parametrize(
    ("of_settings", "of_adapter", "expected"),
    [(None, 0.9, 0.9), (0.7, 0.9, 0.7), (None, None, UNCALIBRATED_CONFIRM_ABOVE)],
)
def test_a_query_is_sure_from_where_the_settings_or_else_the_adapter_say(
    of_settings: float | None, of_adapter: float | None, expected: float
) -> None:
    settings = Settings(floor=FloorSettings(confirm_above=of_settings))
    setup = replace(words(), confirm_above=of_adapter).setup(settings)
    assert setup.floor.sure_above == expected
