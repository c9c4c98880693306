"""Tools that a session may have, and those that are refused, by the field that is to be mended."""

import json
from dataclasses import replace

import pytest

from duologue.errors import InvalidSetting
from duologue.session_config import SessionConfig
from duologue.settings import DecodingSettings, Settings
from duologue.text.chat import ChatFormat
from duologue.tools import MAX_TOOLS, MAX_TOOLS_BYTES, Tool
from tests.unit.session.stage import chat_of
from tests.unit.session.test_model_words import words
from tests.unit.text.tiny_tokenizers import byte_level

CLOCK = Tool("clock", "What time it is.")
WITH_TOOLS = SessionConfig(tools=(CLOCK,))


def refusal_of(config: SessionConfig, settings: Settings | None = None) -> InvalidSetting:
    with pytest.raises(InvalidSetting) as refused:
        words().setup(settings or Settings(), config)
    return refused.value


@pytest.mark.parametrize(
    ("name", "description", "parameters", "complaint"),
    [
        ("", "", "{}", "config.tools.name must be 1 to 64 letters"),
        ("get weather", "", "{}", "config.tools.name must be 1 to 64 letters"),
        ("x" * 65, "", "{}", "config.tools.name must be 1 to 64 letters"),
        ("clock", "\ud800", "{}", "config.tools.description must be valid Unicode"),
        ("clock", "", "\ud800", "config.tools.parameters must be valid Unicode"),
        ("clock", "", "what", "config.tools.parameters of 'clock' must be JSON"),
        ("clock", "", "[" * 100_000, "config.tools.parameters of 'clock' must be JSON"),
        ("clock", "", "[]", "config.tools.parameters of 'clock' must be the JSON Schema of an obj"),
        ("clock", "", '{"type": "string"}', "config.tools.parameters of 'clock' must be the JSON"),
    ],
)
def test_a_tool_says_what_is_wrong_with_it(
    name: str, description: str, parameters: str, complaint: str
) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Tool(name, description, parameters)
    assert str(refused.value).startswith(complaint)


def test_a_tool_without_parameters_takes_nothing() -> None:
    declared = CLOCK.declaration["function"]
    assert declared["parameters"] == {"type": "object", "properties": {}}


def test_more_than_a_session_takes() -> None:
    many = tuple(Tool(f"tool_{number}") for number in range(MAX_TOOLS + 1))
    schema = json.dumps({"type": "object", "description": "x" * MAX_TOOLS_BYTES})
    for tools, complaint in (
        (many, "config.tools must be at most 64, not 65"),
        ((CLOCK, CLOCK), "config.tools must have names of their own; two are 'clock'"),
        ((Tool("long", "", schema),), f"config.tools must have at most {MAX_TOOLS_BYTES} bytes"),
    ):
        with pytest.raises(InvalidSetting) as refused:
            SessionConfig(tools=tools)
        assert str(refused.value).startswith(complaint)


def test_they_are_fixed_when_the_session_is_created() -> None:
    with pytest.raises(InvalidSetting, match=r"config\.tools is fixed when the session"):
        WITH_TOOLS.check_changeable()


@pytest.mark.parametrize("strategy", ["listen", "tdm"])
def test_strategies_that_have_none(strategy: str) -> None:
    refused = refusal_of(replace(WITH_TOOLS, strategy=strategy))
    assert refused.field == "config.tools"
    assert f"must be empty with the strategy '{strategy}'" in str(refused)


def test_a_model_whose_template_has_no_place_for_them() -> None:
    plain = replace(words(), chat=replace(chat_of(byte_level()), tools=None))
    with pytest.raises(InvalidSetting, match=r"config\.tools must be empty with the model tiny"):
        plain.setup(Settings(), WITH_TOOLS)
    assert not plain.setup(Settings()).tools


def test_with_the_prompt_they_fill_half_of_the_context_at_the_most() -> None:
    settings = Settings(decoding=DecodingSettings(context_limit_tokens=256))
    tools = tuple(replace(CLOCK, name=f"clock_{number}") for number in range(4))
    refused = refusal_of(SessionConfig(tools=tools), settings)
    assert str(refused).startswith("config.system_prompt must fill at most half of the context")
    assert "with the tools not" in str(refused)


def test_a_format_of_before_and_one_with_tools_are_read_again() -> None:
    chat = chat_of(byte_level())
    assert ChatFormat.from_json(chat.to_json()) == chat
    before = replace(chat, tools=None)
    assert "tools" not in json.loads(before.to_json())
    assert ChatFormat.from_json(before.to_json()) == before
