"""Functions in the words of OpenAI's API: as a client declares them, and as they are called."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from duologue.errors import InvalidSetting
from duologue.openai.api_error import unusable
from duologue.openai.fields import Fields
from duologue.openai.names import Names
from duologue.tools import Tool
from duologue.v1 import events_pb2 as pb


def declared(fields: Fields) -> tuple[Tool, ...] | None:
    """What `tools` declares; None where it is not given. Raises Unusable naming the field."""
    given = fields.items("tools")
    if given is None:
        return None
    where = fields.name("tools")
    return tuple(_tool(Fields(each, f"{where}[{place}]")) for place, each in enumerate(given))


def declared_told(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """The same for the client."""
    return [{"type": "function", **tool.declaration["function"]} for tool in tools]


def _tool(fields: Fields) -> Tool:
    fields.only("type", ("function",), "only functions can be called here")
    name, description = fields.needed_text("name"), fields.text("description") or ""
    parameters = fields.take("parameters")
    fields.only("strict", (False,), "arguments are not checked here")
    fields.end()
    try:
        if parameters is None:
            return Tool(name, description)
        return Tool(name, description, json.dumps(parameters, ensure_ascii=False))
    except InvalidSetting as error:
        param = f"{fields.where}.{error.field.removeprefix('config.tools.')}"
        raise unusable(param, f"{param} {error.problem}") from None


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One call, an item of the response that makes it."""

    item_id: str
    call_id: str
    name: str
    arguments: str

    @classmethod
    def of(cls, call: pb.ToolCall, names: Names) -> "FunctionCall":
        return cls(names.new("item"), call.call_id, call.name, call.arguments)

    def item(self, *, is_whole: bool = True) -> dict[str, Any]:
        return {
            "id": self.item_id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "completed" if is_whole else "in_progress",
            "call_id": self.call_id,
            "name": self.name,
            "arguments": self.arguments if is_whole else "",
        }

    def told(self, response_id: str, output_index: int) -> list[dict[str, Any]]:
        """All events of it: it comes as a whole."""
        where = {"response_id": response_id, "output_index": output_index}
        of_item = {**where, "item_id": self.item_id, "call_id": self.call_id}
        arguments = "response.function_call_arguments"
        begun, done = self.item(is_whole=False), self.item()
        return [
            {"type": "response.output_item.added", **where, "item": begun},
            {"type": "conversation.item.added", "previous_item_id": None, "item": begun},
            {"type": f"{arguments}.delta", **of_item, "delta": self.arguments},
            {
                "type": f"{arguments}.done",
                **of_item,
                "name": self.name,
                "arguments": self.arguments,
            },
            {"type": "response.output_item.done", **where, "item": done},
            {"type": "conversation.item.done", "previous_item_id": None, "item": done},
        ]


def output_told(item_id: str, call_id: str, output: str) -> dict[str, Any]:
    """What came of a call, as an item of the conversation."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call_output",
        "status": "completed",
        "call_id": call_id,
        "output": output,
    }
