"""The part of a reply that calls tools: where it begins, and what it says. It is never shown."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from duologue.errors import UnusableCall

_BARE_START = '{"name"'
"""With which a reply begins that is nothing but a call."""


@dataclass(slots=True)
class CallText:
    """Passes a reply's text on as it comes, up to the first call. A plain value."""

    start: str
    """The text with which calls begin; empty where a reply is a call from its first character."""
    start_token: int | None = None
    """The special token that it is, if it is one."""
    is_begun: bool = False
    """Whether a call has begun."""
    text: str = ""
    """All from there on."""
    held: str = ""
    """The end of the text before, with which a call may begin."""
    is_excluded: bool = False
    """Whether the reply began with something else, where nothing but a call would be one."""
    num_owed_chars: int = 0
    """Text before the call that the stream had kept back."""
    num_tokens_before: int | None = None
    """Tokens before the call, where a token tells."""
    is_read: bool = False
    """Whether the calls were sent."""

    def place_in(self, tokens: Sequence[int]) -> int | None:
        """Where in these tokens the first call begins, if a token tells that."""
        if self.is_begun or self.start_token not in tokens:
            return None
        return tokens.index(self.start_token)

    def begin(self, num_tokens_before: int, num_owed_chars: int) -> None:
        """The token came behind so many others; of their text so much is still to come."""
        self.is_begun = True
        self.num_tokens_before, self.num_owed_chars = num_tokens_before, num_owed_chars

    def push(self, text: str) -> str:
        """Take more text; returns what can be shown of it."""
        if self.is_begun:
            shown, rest = text[: self.num_owed_chars], text[self.num_owed_chars :]
            self.num_owed_chars -= len(shown)
            self.text += rest
            return shown
        if self.start_token is not None or self.is_excluded:
            return text
        text, self.held = self.held + text, ""
        return self._before_start(text) if self.start else self._unless_bare(text)

    def flush(self) -> str:
        """What was kept back: no call came of it."""
        held, self.held = self.held, ""
        return held

    def _before_start(self, text: str) -> str:
        before, start, behind = text.partition(self.start)
        if start:
            self.is_begun, self.text = True, start + behind
            return before
        most = min(len(text), len(self.start) - 1)
        lengths = range(most, 0, -1)
        num_held = next((n for n in lengths if self.start.startswith(text[-n:])), 0)
        self.held = text[len(text) - num_held :]
        return text[: len(text) - num_held]

    def _unless_bare(self, text: str) -> str:
        said = "".join(text.split())
        if said.startswith(_BARE_START):
            self.is_begun, self.text = True, text
            return ""
        if _BARE_START.startswith(said):
            self.held = text
            return ""
        self.is_excluded = True
        return text


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as the model wrote it."""

    name: str
    arguments: str
    """A JSON object."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply's calls are."""

    calls: tuple[WrittenCall, ...]
    written: tuple[str, ...]
    """The JSON of these calls, as the model's template has it: one each, or lists of them."""
    errors: tuple[UnusableCall, ...]


def read_calls(text: str, names: Collection[str], max_calls: int) -> Reading:
    """The calls in the part of a reply that calls tools, and what cannot be followed as errors."""
    calls: list[WrittenCall] = []
    written: list[str] = []
    errors: list[UnusableCall] = []
    values, is_broken = _values(text)
    for value in values:
        usable: list[dict[str, Any]] = []
        for item in value if isinstance(value, list) else [value]:
            try:
                call = _call(item, names)
                if len(calls) >= max_calls:
                    raise UnusableCall(f"more than {max_calls} calls would wait for their results")
            except UnusableCall as error:
                errors.append(error)
                continue
            calls.append(call)
            usable.append(item)
        if usable:
            written.append(_dumped(usable if isinstance(value, list) else usable[0]))
    if is_broken or not values:
        errors.append(UnusableCall(f"it is no JSON: {text.strip()!r}"))
    return Reading(tuple(calls), tuple(written), tuple(errors))


def _values(text: str) -> tuple[list[Any], bool]:
    """The JSON objects and lists in a text; and whether one is broken, or was not finished."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    values: list[Any] = []
    at = _next_opening(text, 0)
    while at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return values, True
        values.append(value)
        at = _next_opening(text, end)
    return values, False


def _next_opening(text: str, start: int) -> int:
    found = [at for at in (text.find("{", start), text.find("[", start)) if at >= 0]
    return min(found, default=len(text))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _call(item: object, names: Collection[str]) -> WrittenCall:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise UnusableCall(f"it names no tool: {item!r}")
    if item["name"] not in names:
        raise UnusableCall(f"there is no tool {item['name']!r}, only {', '.join(sorted(names))}")
    arguments = item.get("arguments", item.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict):
        raise UnusableCall(f"its arguments are no JSON object: {item!r}")
    return WrittenCall(item["name"], _dumped(arguments))


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
