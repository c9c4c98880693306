"""How a client wants its session held, and the settings that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from duologue.errors import InvalidSetting
from duologue.floor_settings import FloorSettings
from duologue.history import EarlierTurn, check_history
from duologue.setting_checks import check
from duologue.settings import (
    MODEL_NAME,
    MODEL_NAME_RULE,
    DecodingSettings,
    ReplySamplingSettings,
)
from duologue.tools import Tool, check_tools

Label = str | float | bool
_Section = TypeVar("_Section", DecodingSettings, ReplySamplingSettings)

MAX_SYSTEM_PROMPT_CHARS = 16_384
MAX_STOP_STRING_CHARS = 256
MAX_LABELS = 16
MAX_LABEL_CHARS = 256

_FIXED = ("model", "strategy", "system_prompt", "history", "labels", "tools")
_DECODING = (
    "strategy",
    "system_prompt",
    "max_reply_tokens",
    "reply_tokens_per_slice",
    "reply_tokens_per_second",
    "look_ahead_tokens",
)
_FLOOR = ("floor", "reports_playback")
_SAMPLING = ("temperature", "top_p", "top_k", "seed", "repetition_penalty", "stop_strings")


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What a client may say about its session; None leaves what is in force.

    Raises InvalidSetting naming the field as `config.name`, as the API does.
    """

    model: str | None = None
    """The one that holds it, by the name that it is served under."""
    strategy: str | None = None
    system_prompt: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    repetition_penalty: float | None = None
    stop_strings: tuple[str, ...] | None = None
    max_reply_tokens: int | None = None
    reply_tokens_per_slice: int | None = None
    reply_tokens_per_second: float | None = None
    look_ahead_tokens: int | None = None
    floor: str | None = None
    """"confirmed" or "eager"."""
    reports_playback: bool | None = None
    """Whether the client reports what of a reply was heard; its first report says so too."""
    labels: Mapping[str, Label] = field(default_factory=dict)
    """The caller's own."""
    history: tuple[EarlierTurn, ...] = ()
    """What was said before, which the model is to know."""
    tools: tuple[Tool, ...] = ()
    """What the model may call, where its chat template has a form for that."""

    def __post_init__(self) -> None:
        is_name = self.model is None or MODEL_NAME.fullmatch(self.model) is not None
        check(is_name, "config.model", MODEL_NAME_RULE, self.model)
        _check_text("system_prompt", self.system_prompt, MAX_SYSTEM_PROMPT_CHARS)
        for text in self.stop_strings or ():
            _check_text("stop_strings", text, MAX_STOP_STRING_CHARS)
        check(len(self.labels) <= MAX_LABELS, "config.labels", f"at most {MAX_LABELS}", self.labels)
        for name, label in self.labels.items():
            _check_text("labels", name, MAX_LABEL_CHARS)
            _check_text("labels", label if isinstance(label, str) else None, MAX_LABEL_CHARS)
        check_history(self.history)
        check_tools(self.tools)
        # Each value is within its range, whatever the others are.
        self.decoding(DecodingSettings())
        self.sampling(ReplySamplingSettings())
        self.floor_settings(FloorSettings())

    def model_name(self, default: str | None) -> str:
        """The model that is to hold the session, the platform's default where it names none; empty
        where any may."""
        return self.model or default or ""

    def decoding(self, present: DecodingSettings) -> DecodingSettings:
        """The present settings with what is set here in their place."""
        return _overlaid(present, self._given(_DECODING))

    def sampling(self, present: ReplySamplingSettings) -> ReplySamplingSettings:
        """The present settings with what is set here in their place."""
        return _overlaid(present, self._given(_SAMPLING))

    def floor_settings(self, present: FloorSettings) -> FloorSettings:
        """The present settings with what is set here in their place."""
        if self.floor is None:
            return present
        try:
            return replace(present, mode=self.floor)  # type: ignore[arg-type]  # checked there
        except InvalidSetting as error:
            raise error.renamed("config.floor") from None

    def merged(self, later: "SessionConfig") -> "SessionConfig":
        """Both in one; what the later one says counts."""
        return replace(self, **later._given((*_DECODING, *_SAMPLING, *_FLOOR)))

    def check_changeable(self) -> None:
        """Raise InvalidSetting if it says something that is fixed when a session is created."""
        for name in _FIXED:
            if getattr(self, name) not in (None, {}, ()):
                raise InvalidSetting(
                    f"is fixed when the session is created; "
                    f"{', '.join(_changeable())} can be changed",
                    field=f"config.{name}",
                )

    def _given(self, names: tuple[str, ...]) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


def _changeable() -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(SessionConfig) if entry.name not in _FIXED)


def _overlaid(present: _Section, given: dict[str, Any]) -> _Section:
    try:
        return replace(present, **given)
    except InvalidSetting as error:
        raise error.renamed("config." + error.field.rpartition(".")[2]) from None


def _check_text(name: str, text: str | None, max_chars: int) -> None:
    if text is None:
        return
    is_unicode = not any("\ud800" <= char <= "\udfff" for char in text)
    check(is_unicode, f"config.{name}", "valid Unicode without lone surrogates", text)
    if len(text) > max_chars:
        raise InvalidSetting(
            f"must have at most {max_chars} characters, not {len(text)}", field=f"config.{name}"
        )
