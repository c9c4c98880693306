"""Tools: functions of the client's that the model may call in a conversation."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from duologue.errors import InvalidSetting
from duologue.setting_checks import check

MAX_TOOLS = 64
MAX_TOOLS_BYTES = 65_536
"""Of all their declarations together, in UTF-8. What the model's context has room for is less, for
small models."""
TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

_NO_PARAMETERS = '{"type": "object", "properties": {}}'


@dataclass(frozen=True, slots=True)
class Tool:
    """A function as the model is told of it.

    Raises InvalidSetting naming the field as `config.tools.name`, as the API does.
    """

    name: str
    description: str = ""
    """What it does, and when to call it."""
    parameters: str = _NO_PARAMETERS
    """A JSON Schema of an object, as JSON."""

    def __post_init__(self) -> None:
        allowed = "1 to 64 letters, digits, '_' or '-'"
        check(TOOL_NAME.fullmatch(self.name) is not None, "config.tools.name", allowed, self.name)
        for name in ("description", "parameters"):
            text = getattr(self, name)
            is_unicode = not any("\ud800" <= char <= "\udfff" for char in text)
            check(is_unicode, f"config.tools.{name}", "valid Unicode without lone surrogates", text)
        _schema(self)

    @property
    def declaration(self) -> dict[str, Any]:
        """As chat templates take it."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": _schema(self),
            },
        }


def check_tools(tools: Sequence[Tool]) -> None:
    """Raise InvalidSetting for more than a session takes, or two of one name."""
    if len(tools) > MAX_TOOLS:
        raise InvalidSetting(f"must be at most {MAX_TOOLS}, not {len(tools)}", field="config.tools")
    names = [tool.name for tool in tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidSetting(
            f"must have names of their own; two are {twice!r}", field="config.tools"
        )
    declared = json.dumps([tool.declaration for tool in tools], ensure_ascii=False)
    num_bytes = len(declared.encode())
    if num_bytes > MAX_TOOLS_BYTES:
        raise InvalidSetting(
            f"must have at most {MAX_TOOLS_BYTES} bytes of JSON, not {num_bytes}",
            field="config.tools",
        )


def _schema(tool: Tool) -> dict[str, Any]:
    try:
        schema = json.loads(tool.parameters)
    except (ValueError, RecursionError) as error:
        raise InvalidSetting(
            f"of {tool.name!r} must be JSON: {error}", field="config.tools.parameters"
        ) from None
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise InvalidSetting(
            f'of {tool.name!r} must be the JSON Schema of an object, with "type": "object"',
            field="config.tools.parameters",
        )
    return schema
