"""What a chat template puts around tools, calls and results, found by rendering sentinels."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from duologue.errors import ModelUnavailable
from duologue.text.chat import ChatFormat
from duologue.text.tokenizer import Tokenizer
from duologue.text.tool_markup import ToolMarkup, printed
from duologue.tools import Tool

Message = dict[str, Any]
RenderTools = Callable[[Sequence[Message], Sequence[dict[str, Any]], bool], str]
"""render(messages, tools, add_generation_prompt): a chat template, from messages to markup."""

_TOOLS = (
    Tool(
        "jigsaw_wombat",
        "Yonder zanzibar",
        '{"type": "object", "properties": {"kiosk": {"type": "string"}}, "required": ["kiosk"]}',
    ),
    Tool("vortex_hymn", "Quartz umlaut", '{"type": "object", "properties": {}}'),
)
_DECLARED = [tool.declaration for tool in _TOOLS]
_PROMPT, _QUESTION, _ARGUMENT, _OUTPUT = "Zephyr lagoon", "Wombat kiosk", "Mosaic", "Pixel tundra"
_CALL_ID = "qx7k2m9ab"  # nine letters and digits, as some templates demand
_SYSTEM: Message = {"role": "system", "content": _PROMPT}
_USER: Message = {"role": "user", "content": _QUESTION}
_CALLING: Message = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "type": "function",
            "id": _CALL_ID,
            "function": {"name": _TOOLS[0].name, "arguments": {"kiosk": _ARGUMENT}},
        }
    ],
}
_RESULT: Message = {
    "role": "tool",
    "name": _TOOLS[0].name,
    "tool_call_id": _CALL_ID,
    "content": _OUTPUT,
}


def derive_tools(render: RenderTools, chat: ChatFormat, tokenizer: Tokenizer) -> ToolMarkup:
    """The pieces of a template for tools, whose others are `chat`.

    Raises ModelUnavailable for a template that knows no tools, writes calls in another form than
    JSON, or names a call in what it says of its result.
    """
    try:
        plain = render([_SYSTEM, _USER], [], True)
        declared = render([_SYSTEM, _USER], _DECLARED, False)
        asked = render([_USER], _DECLARED, True)
        called = render([_USER, _CALLING], _DECLARED, False)
        answered = render([_USER, _CALLING, _RESULT], _DECLARED, True)
    except Exception as error:  # what a template raises is of its engine's kinds
        raise ModelUnavailable(f"the chat template refuses tools: {error}") from error
    if _TOOLS[0].name not in declared or _TOOLS[0].name in plain:
        raise ModelUnavailable("the chat template knows no tools")
    return _Pieces(chat, tokenizer).markup(declared, _behind(called, asked), answered, called)


class _Pieces:
    """Cuts rendered texts where the sentinels stand, and turns what is between into tokens."""

    def __init__(self, chat: ChatFormat, tokenizer: Tokenizer) -> None:
        self._chat = chat
        self._encode = tokenizer.encode_markup
        self._special = tokenizer.special_tokens

    def markup(self, declared: str, call: str, answered: str, called: str) -> ToolMarkup:
        is_nested, indent = _printing(declared)
        shown = [printed(tool, is_nested, indent) for tool in _TOOLS]
        prompt_is_first = declared.index(_PROMPT) < declared.index(shown[0])
        order = (_PROMPT, *shown) if prompt_is_first else (*shown, _PROMPT)
        pieces = _cut(declared, (*order, _QUESTION))
        head, middle, between, last, _ = pieces
        if not prompt_is_first:
            between, middle = middle, between
        at, end = _json_in(call)
        start = call[:at].strip()
        first = self._encode(start)[:1]
        header, behind = _cut(_behind(answered, called), (_OUTPUT,))
        if _CALL_ID in header + behind:
            raise ModelUnavailable("the chat template names the call beside its result")
        return ToolMarkup(
            head=tuple(self._encode(head)),
            middle=tuple(self._encode(middle)),
            between=tuple(self._encode(between)),
            tail=self._before(last, self._chat.user_header, "the first turn behind tools"),
            prompt_is_first=prompt_is_first,
            is_nested=is_nested,
            indent=indent,
            call_start=start,
            call_start_token=first[0] if first and first[0] in self._special else None,
            call_head=tuple(self._encode(call[:at])),
            call_tail=self._before(call[end:], self._chat.reply_end, "a reply that calls a tool"),
            result_header=tuple(self._encode(header)),
            result_end=self._before(behind, self._chat.reply_header, "a tool's result"),
        )

    def _before(self, text: str, suffix: tuple[int, ...], place: str) -> tuple[int, ...]:
        tokens = tuple(self._encode(text))
        cut = len(tokens) - len(suffix)
        if cut < 0 or tokens[cut:] != suffix:
            raise ModelUnavailable(f"the chat template frames {place} in another way than others")
        return tokens[:cut]


def _printing(declared: str) -> tuple[bool, int | None]:
    """How the template writes a tool: with its type or without, and with which indent."""
    for is_nested in (True, False):
        for indent in (None, 2, 4):
            if all(printed(tool, is_nested, indent) in declared for tool in _TOOLS):
                return is_nested, indent
    raise ModelUnavailable("the chat template shows tools in another form than JSON")


def _cut(text: str, sentinels: Sequence[str]) -> list[str]:
    """What stands before, between and behind the sentinels, which come in this order."""
    pieces, start = [], 0
    for sentinel in sentinels:
        at = text.find(sentinel, start)
        if at < 0:
            raise ModelUnavailable("the chat template does not show tools before the first turn")
        pieces.append(text[start:at])
        start = at + len(sentinel)
    return [*pieces, text[start:]]


def _behind(whole: str, beginning: str) -> str:
    if not whole.startswith(beginning):
        raise ModelUnavailable("the chat template shows a turn otherwise when a call follows it")
    return whole[len(beginning) :]


def _json_in(call: str) -> tuple[int, int]:
    """From where to where the JSON of a call stands."""
    for at, char in enumerate(call):
        if char not in "{[":
            continue
        try:
            value, end = json.JSONDecoder().raw_decode(call, at)
        except ValueError:
            continue
        if value and _TOOLS[0].name in json.dumps(value):
            return at, end
    raise ModelUnavailable("the chat template writes calls in another form than JSON")
