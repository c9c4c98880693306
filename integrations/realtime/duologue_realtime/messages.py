"""Messages of an LLM's context as items of the conversation."""

from typing import Any


def item_of(message: Any) -> dict[str, Any]:
    """The event that adds a message, in OpenAI's form; raises ValueError for one without text."""
    role, content = message["role"], message.get("content")
    if not isinstance(content, str):
        content = "".join(part.get("text", "") for part in content or ())
    if not content.strip():
        raise ValueError(f"a message must have text, and this one of {role!r} has none")
    kind = "output_text" if role == "assistant" else "input_text"
    item = {
        "type": "message",
        "role": "system" if role == "developer" else role,
        "content": [{"type": kind, "text": content}],
    }
    return {"type": "conversation.item.create", "item": item}
