"""Noting: what the model is to know, and that nobody says here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from duologue.errors import CapacityExceeded, InvalidInput
from duologue.events import ContextAppend
from duologue.lane.steps import Note
from duologue.speaker import Speaker

MAX_WAITING_NOTES = 16
"""Of those that wait for the end of a reply."""


@dataclass(frozen=True, slots=True)
class ContextNote:
    """Something that the model is to know, from when it came until it can no longer leave."""

    speaker: Speaker
    text: str
    tokens: tuple[int, ...]
    is_call: bool = False
    """Whether it is the assistant's call of a tool."""

    @property
    def step(self) -> Note:
        return Note(self.speaker, self.tokens)


def noted(
    event: ContextAppend,
    waiting: Sequence[ContextNote],
    encode: Callable[[str], Sequence[int]],
    max_tokens: int,
    field: str = "context_append.text",
) -> ContextNote:
    """The event as a note, to wait behind the others.

    All that wait have room together where a single utterance has. Raises InvalidInput for a text
    that never has, and CapacityExceeded for one that does not now.
    """
    text = event.text.strip()
    if not text:
        raise InvalidInput("must be more than white space", field=field)
    return _fitting(
        ContextNote(Speaker(event.role), text, tuple(encode(text))), waiting, max_tokens, field
    )


def result_noted(
    output: str,
    waiting: Sequence[ContextNote],
    encode: Callable[[str], Sequence[int]],
    max_tokens: int,
) -> ContextNote:
    """The same of what came of a call of a tool, which may be nothing."""
    text = output.strip()
    note = ContextNote(Speaker.TOOL, text, tuple(encode(text)))
    return _fitting(note, waiting, max_tokens, "tool_result.output")


def _fitting(
    note: ContextNote, waiting: Sequence[ContextNote], max_tokens: int, field: str
) -> ContextNote:
    tokens = note.tokens
    if len(tokens) > max_tokens:
        raise InvalidInput(
            f"must have at most {max_tokens} tokens, which is what the model's "
            f"context has room for, not {len(tokens)}",
            field=field,
        )
    num_waiting = sum(len(note.tokens) for note in waiting)
    if len(waiting) >= MAX_WAITING_NOTES or num_waiting + len(tokens) > max_tokens:
        raise CapacityExceeded(
            f"at most {MAX_WAITING_NOTES} notes of {max_tokens} tokens together may wait for the "
            "end of a reply; send it again when that is over"
        )
    return note
