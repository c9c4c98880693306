"""In whose voice something stands in a conversation."""

from enum import StrEnum


class Speaker(StrEnum):
    """Whose turn of the model's chat template a text is put into."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    """Nobody who takes part: an instruction, a note. A model without such a turn reads it as the
    user's."""
    TOOL = "tool"
    """A tool that the model has called: what came of it."""


FOR_CLIENTS = (Speaker.USER, Speaker.ASSISTANT, Speaker.SYSTEM)
"""In whose voice a client may put a text where it names the voice."""
