"""A realtime session's settings: what a client may say of them, and how it is told of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from duologue.errors import InvalidInput, InvalidSetting
from duologue.openai.api_error import Unusable, unsupported, unusable
from duologue.openai.fields import Fields
from duologue.openai.tools import declared, declared_told
from duologue.session_config import Label, SessionConfig

OWN = "duologue"
"""The object that holds what OpenAI's API has no words for."""

TEXT_ONLY = 'this platform speaks text: set output_modalities to ["text"], and no audio'
NO_TOOLS = "functions cannot be called by chat completions: use the Realtime API"
ONLY_AUTO = 'the model chooses by itself what it calls: "auto"'
ALL_AT_ONCE = "a response may call several functions"

PARAMS: Mapping[str, str] = {
    "model": "session.model",
    "system_prompt": "session.instructions",
    "history": "item",
    "max_reply_tokens": "session.max_output_tokens",
    "tools": "session.tools",
}
"""Of our settings that have a name of OpenAI's."""
_PASSED_OVER = ("id", "object", "expires_at", "include", "tracing", "truncation", "client_secret")
_OWN_KINDS: Mapping[str, Callable[[Fields, str], Any]] = {
    "strategy": Fields.text,
    "temperature": Fields.number,
    "top_p": Fields.number,
    "top_k": Fields.integer,
    "seed": Fields.integer,
    "repetition_penalty": Fields.number,
    "reply_tokens_per_slice": Fields.integer,
    "reply_tokens_per_second": Fields.number,
    "look_ahead_tokens": Fields.integer,
    "floor": Fields.text,
    "reports_playback": Fields.truth,
}


def changes_asked(session: Fields) -> dict[str, Any]:
    """What a `session.update` sets, by the names of our own settings; raises Unusable."""
    session.only("type", ("realtime",), 'only sessions of the type "realtime" are held here')
    changes: dict[str, Any] = {}
    if (instructions := session.text("instructions")) is not None:
        changes["system_prompt"] = instructions
    if (model := session.text("model")) is not None:
        changes["model"] = model
    if (temperature := session.number("temperature")) is not None:
        changes["temperature"] = temperature
    changes |= most_tokens(session)
    session.only("output_modalities", (["text"],), TEXT_ONLY)
    _check_audio(session)
    if (tools := declared(session)) is not None:
        changes["tools"] = tools
    session.only("tool_choice", ("auto",) if tools else ("auto", "none"), ONLY_AUTO)
    session.only("prompt", (), "prompt templates are not kept here")
    session.only("reasoning", (), "models that reason aloud are not held here")
    session.only("parallel_tool_calls", (True,) if tools else (True, False), ALL_AT_ONCE)
    session.pass_over(_PASSED_OVER)
    if (own := session.object(OWN)) is not None:
        changes |= _own(own)
    session.end()
    return changes


def most_tokens(fields: Fields) -> dict[str, Any]:
    """How long a response may become; "inf" is as long as the platform lets it be."""
    value = fields.take("max_output_tokens")
    if value is None or value == "inf":
        return {} if value is None else {"max_reply_tokens": None}
    if isinstance(value, bool) or not isinstance(value, int):
        name = fields.name("max_output_tokens")
        raise unusable(name, f'{name} must be a whole number or "inf"', "invalid_type")
    return {"max_reply_tokens": value}


def set_before(config: SessionConfig, changes: Mapping[str, Any]) -> SessionConfig:
    """The settings of a session that has not begun, with the changes; raises Unusable."""
    try:
        return replace(config, **changes)
    except InvalidSetting as error:
        raise refused(error) from None


def set_during(config: SessionConfig, changes: Mapping[str, Any]) -> SessionConfig:
    """What of a session that goes on is to change; raises Unusable.

    What is fixed may be said again as it is.
    """
    new = {name: value for name, value in changes.items() if getattr(config, name) != value}
    for name, value in new.items():
        if value is None:
            param = param_of(name)
            raise unusable(param, f"{param} cannot be unset once the conversation has begun")
    try:
        change = SessionConfig(**new)
        change.check_changeable()
    except InvalidSetting as error:
        raise refused(error) from None
    return change


def refused(error: InvalidInput, params: Mapping[str, str] = PARAMS) -> Unusable:
    """The same in a client's words: our settings are named as it names them."""
    return unusable(*in_clients_words(error.field, str(error), params))


def in_clients_words(
    field: str, message: str, params: Mapping[str, str] = PARAMS
) -> tuple[str | None, str]:
    """What a client calls the field of a config, and a message that begins with its name."""
    if not field.startswith("config."):
        return None, message
    param = param_of(field.removeprefix("config."), params)
    return param, param + message.removeprefix(field)


def param_of(name: str, params: Mapping[str, str] = PARAMS) -> str:
    """How a client names one of our settings, or a part of it."""
    return params.get(name.partition(".")[0], f"session.{OWN}.{name}")


def session_told(session_id: str, model: str, config: SessionConfig) -> dict[str, Any]:
    """The session as a client is told of it."""
    own: dict[str, Any] = {name: getattr(config, name) for name in _OWN_KINDS}
    own["stop_strings"] = None if config.stop_strings is None else list(config.stop_strings)
    own["labels"] = dict(config.labels)
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": config.model or model,
        "instructions": config.system_prompt,
        "output_modalities": ["text"],
        "max_output_tokens": config.max_reply_tokens or "inf",
        "tools": declared_told(config.tools),
        "tool_choice": "auto" if config.tools else "none",
        "truncation": "auto",
        OWN: {name: value for name, value in own.items() if value not in (None, {})},
    }


def _check_audio(session: Fields) -> None:
    """How a turn of speech is found has no meaning here, and anything else of audio is refused."""
    audio = session.object("audio")
    if audio is None:
        return
    if (heard := audio.object("input")) is not None:
        heard.pass_over(("turn_detection",))
        for name in ("format", "noise_reduction", "transcription"):
            heard.only(name, (), TEXT_ONLY)
        heard.end()
    if audio.take("output") is not None:
        raise unsupported("session.audio.output", TEXT_ONLY, "audio_not_supported")
    audio.end()


def _own(own: Fields) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, read in _OWN_KINDS.items():
        if (value := read(own, name)) is not None:
            changes[name] = value
    if (texts := own.items("stop_strings")) is not None:
        _check_kinds(own, "stop_strings", texts, str)
        changes["stop_strings"] = tuple(texts)
    if (labels := own.take("labels")) is not None:
        changes["labels"] = _labels(own, labels)
    own.end()
    return changes


def _labels(own: Fields, labels: object) -> dict[str, Label]:
    name = own.name("labels")
    if not isinstance(labels, dict):
        raise unusable(name, f"{name} must be an object", "invalid_type")
    _check_kinds(own, "labels", labels.values(), str, bool, int, float)
    try:
        return {key: float(v) if type(v) is int else v for key, v in labels.items()}
    except OverflowError:
        raise unusable(name, f"{name} must hold numbers that are not as large") from None


def _check_kinds(own: Fields, field: str, values: Any, *kinds: type) -> None:
    for value in values:
        if type(value) not in kinds:
            name, allowed = own.name(field), " or ".join(kind.__name__ for kind in kinds)
            raise unusable(name, f"{name} must hold only values of {allowed}", "invalid_type")
