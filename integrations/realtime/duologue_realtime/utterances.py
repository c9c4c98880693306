"""From transcriptions to the user's open utterance: what is appended, what is revised."""

from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]

APPEND = "duologue.input_text.append"
REVISE = "duologue.input_text.revise"
COMMIT = "duologue.input_text.commit"


@dataclass(slots=True)
class _Segment:
    """What a recogniser has heard of one stretch of speech so far."""

    segment_id: str
    text: str


class Utterances:
    """One segment for each speaker, from a recogniser's first hypothesis to its final text.

    Each method gives the events that tell the platform of it.
    """

    def __init__(self) -> None:
        self._open: dict[str, _Segment] = {}
        self._num_segments = 0

    def interim(self, text: str, user_id: str = "") -> list[Event]:
        """A hypothesis: all that was heard of the present segment."""
        return self._heard(text, user_id, is_final=False)

    def final(self, text: str, user_id: str = "") -> list[Event]:
        """The segment's text for good; what follows belongs to another one."""
        return self._heard(text, user_id, is_final=True)

    def typed(self, text: str) -> list[Event]:
        """A whole message, behind which nothing is to be waited for."""
        if not text.strip():
            return []
        append = {"type": APPEND, "segment_id": self._new_id(), "text": text, "is_final": True}
        return [append, {"type": COMMIT}]

    def _heard(self, text: str, user_id: str, *, is_final: bool) -> list[Event]:
        segment = self._open.get(user_id)
        if segment is None:
            if not text.strip():
                return []
            segment = _Segment(self._new_id(), text)
            kind, told = APPEND, text
        elif is_final:
            kind, told = REVISE, text  # says at the same time that it stays as it is
        elif text == segment.text:
            return []
        elif text.startswith(segment.text):
            kind, told = APPEND, text[len(segment.text) :]
        else:
            kind, told = REVISE, text
        segment.text = text
        if is_final:
            self._open.pop(user_id, None)
        else:
            self._open[user_id] = segment
        return [
            {"type": kind, "segment_id": segment.segment_id, "text": told, "is_final": is_final}
        ]

    def _new_id(self) -> str:
        self._num_segments += 1
        return f"heard-{self._num_segments}"
