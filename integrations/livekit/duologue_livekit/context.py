"""A chat context of LiveKit's as the platform is told of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from livekit.agents import llm

from duologue_realtime import Turn

_INSTRUCTIONS = "lk.agent_task.instructions"
"""The names of messages that hold an agent's instructions begin with it."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message with text, under LiveKit's name for it."""

    message_id: str
    turn: Turn


def instructions_of(context: llm.ChatContext) -> str:
    texts = [each.text_content or "" for each in context.messages() if _is_instruction(each)]
    return "\n".join(text for text in texts if text)


def said_in(context: llm.ChatContext) -> list[Said]:
    """All that was said, without the instructions. Calls of functions are left out."""
    return [
        Said(each.id, Turn(_role(each), text))
        for each in context.messages()
        if not _is_instruction(each) and (text := (each.text_content or "").strip())
    ]


def turns_of(said: Iterable[Said]) -> list[Turn]:
    return [each.turn for each in said]


def last_utterance(said: Sequence[Said]) -> tuple[list[Turn], str]:
    """What was said before the user's last words, and these."""
    place = len(said)
    while place and said[place - 1].turn.role == "user":
        place -= 1
    return turns_of(said[:place]), " ".join(each.turn.text for each in said[place:])


def _is_instruction(message: llm.ChatMessage) -> bool:
    return message.id.startswith(_INSTRUCTIONS)


def _role(message: llm.ChatMessage) -> str:
    return "system" if message.role == "developer" else message.role
