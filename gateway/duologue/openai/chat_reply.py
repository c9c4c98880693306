"""The answer to a request for a chat completion, whole or in chunks. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from duologue.openai.api_error import ApiError, Unusable
from duologue.openai.chat_request import ChatRequest
from duologue.usage import Usage
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from duologue.wire.notices import usage_from_pb
from duologue.wire.sessions import config_to_pb

_SEGMENT = "message"
_FINISH: Mapping[int, str] = {events_pb2.END_REASON_LENGTH: "length"}
"""By the reason for which a response ended; "stop" otherwise."""


@dataclass(slots=True)
class ChatReply:
    """What is said in the session that gives it, and what it becomes."""

    request: ChatRequest
    reply_id: str
    created_unix_s: int
    _texts: list[str] = field(default_factory=list)
    _finish: str | None = None
    _usage: Usage | None = None
    is_whole: bool = False
    """Whether nothing more is to be told."""

    @property
    def is_said(self) -> bool:
        """Whether all of its text is there: the session can be closed."""
        return self._finish is not None

    def begins_with(self) -> Sequence[pb.ConverseRequest]:
        """What is said to the session."""
        config = config_to_pb(self.request.config)
        append = events_pb2.InputAppend(segment_id=_SEGMENT, text=self.request.text, is_final=True)
        commit = events_pb2.InputCommit()
        return (
            pb.ConverseRequest(start=pb.SessionStart(config=config)),
            _event(1, events_pb2.ClientEvent(input_append=append)),
            _event(2, events_pb2.ClientEvent(input_commit=commit)),
        )

    def ends_with(self) -> pb.ConverseRequest:
        return _event(3, events_pb2.ClientEvent(session_close=events_pb2.SessionClose()))

    def told(self, event: events_pb2.ServerEvent) -> list[dict[str, Any]]:
        """The chunks of a stream that tell of it; raises Unusable if the session refuses."""
        match event.WhichOneof("event"):
            case "session_ready":
                return [self._chunk({"role": "assistant", "content": ""})]
            case "response_delta" if not self.is_said:
                self._texts.append(event.response_delta.text)
                return [self._chunk({"content": event.response_delta.text})]
            case "response_done" if not self.is_said:
                self._finish = _FINISH.get(event.response_done.reason, "stop")
                return [self._chunk({}, self._finish)]
            case "usage" if self.is_said:
                self._usage = usage_from_pb(event.usage)
                self.is_whole = True
            case "session_closed":
                self.is_whole = True
            case "error" if not self.is_said:
                error = ApiError(event.error.message, event.error.code, "messages")
                raise Unusable(error)
        return []

    def last_chunk(self) -> dict[str, Any]:
        """Of a stream that tells what was used."""
        return {**self._chunk({}), "choices": [], "usage": self._usage_told}

    def completion(self) -> dict[str, Any]:
        """All of it at once."""
        message = {"role": "assistant", "content": "".join(self._texts), "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self._finish or "stop",
        }
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": self._usage_told,
        }

    def _chunk(self, delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.reply_id,
            "object": kind,
            "created": self.created_unix_s,
            "model": self.request.model,
            "system_fingerprint": None,
        }

    @property
    def _usage_told(self) -> dict[str, int] | None:
        if self._usage is None:
            return None
        heard, said = self._usage.input_tokens, self._usage.output_tokens
        return {
            "prompt_tokens": heard,
            "completion_tokens": said,
            "total_tokens": heard + said,
        }


def _event(client_seq: int, event: events_pb2.ClientEvent) -> pb.ConverseRequest:
    event.client_seq = client_seq
    return pb.ConverseRequest(event=event)
