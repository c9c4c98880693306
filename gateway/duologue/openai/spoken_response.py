"""One response as a client of the Realtime API is told of it, from its first event to its last."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from duologue.openai.tools import FunctionCall
from duologue.usage import Usage
from duologue.v1 import events_pb2 as pb

Event = dict[str, Any]

_ENDINGS: Mapping[int, tuple[str, str | None]] = {
    pb.END_REASON_STOP: ("completed", None),
    pb.END_REASON_STOP_STRING: ("completed", None),
    pb.END_REASON_LENGTH: ("incomplete", "max_output_tokens"),
    pb.END_REASON_CANCELLED: ("cancelled", "client_cancelled"),
    pb.END_REASON_INTERRUPTED: ("cancelled", "turn_detected"),
}
"""By the reason: the status of OpenAI's API, and its detail."""


@dataclass(slots=True)
class SpokenResponse:
    """It has one item with one part of text, and one for each call of a function."""

    number: int
    """Which of the session's responses it is; 0 is one that says nothing."""
    response_id: str
    item_id: str
    conversation_id: str
    metadata: Mapping[str, str] | None = None
    start_chars: int = 0
    """Where in the session's response its text begins: behind 0 it goes on with an earlier one."""
    reason: int | None = None
    """Why it ended, once it has."""
    is_cut: bool = False
    """Whether the user has cut in, be it after its last text."""
    is_told: bool = False
    """Whether its text comes from the client, whose own assistant speaks."""
    is_told_whole: bool = False
    """Whether the client has said that no more follows."""
    _texts: list[str] = field(default_factory=list)
    _calls: list[FunctionCall] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def begin(self) -> list[Event]:
        item = self._item("in_progress")
        return [
            {"type": "response.created", "response": self._told("in_progress")},
            self._of("response.output_item.added", item=item),
            {"type": "conversation.item.added", "previous_item_id": None, "item": item},
            self._of_part("response.content_part.added", part={"type": "text", "text": ""}),
        ]

    def delta(self, text: str) -> Event:
        self._texts.append(text)
        return self._of_part("response.output_text.delta", delta=text)

    def call(self, call: FunctionCall) -> list[Event]:
        """It calls a function."""
        self._calls.append(call)
        return call.told(self.response_id, len(self._calls))

    def tell(self, text: str, *, is_end: bool) -> None:
        """The client's own assistant says this of it."""
        self.is_told = True
        self.is_told_whole = self.is_told_whole or is_end
        if self.reason is None:
            self._texts.append(text)

    @property
    def last_item_id(self) -> str:
        return self._calls[-1].item_id if self._calls else self.item_id

    @property
    def goes_on(self) -> bool:
        """Whether the client's own assistant may say more of it."""
        return self.reason is None and not self.is_cut and not self.is_told_whole

    def text_from(self, chars: int) -> str:
        """What stands behind that place of the session's response."""
        return self.text[max(0, chars - self.start_chars) :]

    def go_on_from(self, chars: int) -> None:
        """What stood behind that place comes again, unless it is the client's own."""
        if not self.is_told:
            self._texts = [self.text[: max(0, chars - self.start_chars)]]

    def finish_text(self, reason: int) -> list[Event]:
        """No more text will come."""
        self.reason = reason
        item = self._item("completed" if self._ending[0] == "completed" else "incomplete")
        part = {"type": "text", "text": self.text}
        return [
            self._of_part("response.output_text.done", text=self.text),
            self._of_part("response.content_part.done", part=part),
            self._of("response.output_item.done", item=item),
            {"type": "conversation.item.done", "previous_item_id": None, "item": item},
        ]

    def end(self, usage: Usage | None) -> Event:
        """It is over; `usage` is what it took, where that is known."""
        return {"type": "response.done", "response": self._told(self._ending[0], usage)}

    def silent(self, reason: int) -> list[Event]:
        """All events of a response that says nothing."""
        self.reason = reason
        status = self._ending[0]
        return [
            {"type": "response.created", "response": self._told("in_progress")},
            {"type": "response.done", "response": self._told(status, says_something=False)},
        ]

    @property
    def _ending(self) -> tuple[str, str | None]:
        return _ENDINGS.get(self.reason or 0, ("completed", None))

    def _told(
        self, status: str, usage: Usage | None = None, *, says_something: bool = True
    ) -> dict[str, Any]:
        is_over = self.reason is not None
        details = None
        if is_over and status != "completed":
            details = {"type": status, "reason": self._ending[1]}
        output = []
        if is_over and says_something:
            output = [self._item("completed" if status == "completed" else "incomplete")]
            output += [call.item() for call in self._calls]
        return {
            "object": "realtime.response",
            "id": self.response_id,
            "conversation_id": self.conversation_id,
            "status": status,
            "status_details": details,
            "output": output,
            "output_modalities": ["text"],
            "metadata": None if self.metadata is None else dict(self.metadata),
            "usage": None if usage is None else _usage_told(usage),
        }

    def _item(self, status: str) -> dict[str, Any]:
        content = [] if status == "in_progress" else [{"type": "output_text", "text": self.text}]
        return {
            "id": self.item_id,
            "object": "realtime.item",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def _of(self, kind: str, **more: Any) -> Event:
        return {"type": kind, "response_id": self.response_id, "output_index": 0, **more}

    def _of_part(self, kind: str, **more: Any) -> Event:
        return self._of(kind, item_id=self.item_id, content_index=0, **more)


def _usage_told(usage: Usage) -> dict[str, Any]:
    heard, said = usage.input_tokens, usage.output_tokens
    return {
        "total_tokens": heard + said,
        "input_tokens": heard,
        "output_tokens": said,
        "input_token_details": {"text_tokens": heard, "audio_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": said, "audio_tokens": 0},
    }
