"""How a model's chat template tells of tools, of calls of them, and of what came of those."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from duologue.text.tokenizer import Tokenizer
from duologue.tools import Tool


@dataclass(frozen=True, slots=True)
class ToolMarkup:
    """The fixed pieces of tokens around tools, calls and results.

    An opening with tools is `head`, then the system prompt and the tools in their order, with
    `middle` between them, then `tail`; `between` stands between two tools. A call is
    `call_head + JSON + call_tail` in the place of a reply's text; a result is a turn of
    `result_header + text + result_end`.
    """

    head: tuple[int, ...]
    middle: tuple[int, ...]
    between: tuple[int, ...]
    tail: tuple[int, ...]
    prompt_is_first: bool
    """Whether the system prompt stands before the tools."""
    is_nested: bool
    """Whether a tool is shown as an object of `type` and `function`, or the function alone."""
    indent: int | None
    """With which its JSON is written; None for one line."""
    call_start: str
    """The text with which calls begin in a reply; behind it nothing is to be shown. Empty where a
    reply that calls is a call's JSON from its first character on."""
    call_start_token: int | None
    """The special token that it is, if it is one: it has no text then."""
    call_head: tuple[int, ...]
    call_tail: tuple[int, ...]
    result_header: tuple[int, ...]
    result_end: tuple[int, ...]

    def opening(
        self, tokenizer: Tokenizer, system_prompt: str, tools: Sequence[Tool]
    ) -> tuple[int, ...]:
        """Tokens before the first turn. Neither prompt nor tools can spell special tokens."""
        declared: list[int] = []
        for number, tool in enumerate(tools):
            declared += [*(self.between if number else ()), *tokenizer.encode(self.printed(tool))]
        prompt = tokenizer.encode(system_prompt)
        first, second = (prompt, declared) if self.prompt_is_first else (declared, prompt)
        return (*self.head, *first, *self.middle, *second, *self.tail)

    def printed(self, tool: Tool) -> str:
        """A tool as the template shows it."""
        return printed(tool, self.is_nested, self.indent)

    def call(self, tokenizer: Tokenizer, written: str) -> tuple[int, ...]:
        """A call as it stands in a reply; `written` is its JSON."""
        return (*self.call_head, *tokenizer.encode(written), *self.call_tail)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """From its fields as JSON has them; raises TypeError for something else."""
        pieces: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
        }
        return cls(**pieces)


def printed(tool: Tool, is_nested: bool, indent: int | None) -> str:
    """The JSON of a tool, with its type or the function alone."""
    shown = tool.declaration if is_nested else tool.declaration["function"]
    return json.dumps(shown, ensure_ascii=False, indent=indent)
