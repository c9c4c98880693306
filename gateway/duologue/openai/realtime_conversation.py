"""A conversation in the words of OpenAI's Realtime API, over one of our own sessions. Pure.

The session begins with the first thing that is said, so that everything can be set until then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from duologue.errors import InvalidSetting
from duologue.history import EarlierTurn
from duologue.openai import client_events as asks
from duologue.openai.api_error import ApiError, Unusable, unusable
from duologue.openai.names import Names
from duologue.openai.notes import note_of
from duologue.openai.responses import Awaited, Responses
from duologue.openai.said_before import Message, SaidBefore
from duologue.openai.session_fields import refused, session_told, set_before, set_during
from duologue.openai.spoken_response import Event
from duologue.openai.tools import output_told
from duologue.session_config import SessionConfig
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from duologue.wire.notices import usage_from_pb
from duologue.wire.sessions import config_to_pb

_CLIENT_SPEAKS = (
    "in a session whose duologue.strategy is 'listen' the client speaks: tell what is said, and its"
    " end, by duologue.assistant_said"
)


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """What a client's event leads to."""

    to_session: Sequence[pb.ConverseRequest] = ()
    to_client: Sequence[Event] = ()


@dataclass(slots=True)
class RealtimeConversation:
    """What is said through it, and what is told. `model` is what the session is asked for by."""

    names: Names
    model: str
    config: SessionConfig
    output_tokens_per_minute: int | None = None
    """What the tenant may use, if there is a limit."""
    has_begun: bool = False
    _responses: Responses = field(init=False)
    _said: SaidBefore = field(default_factory=SaidBefore)
    _client_seq: int = 0
    _segment_id: str | None = None
    """The one that streamed text goes to when the client names none."""
    _has_open_text: bool = False
    """Whether something was said that was not committed."""

    def __post_init__(self) -> None:
        self._responses = Responses(self.names)

    # From the client.

    def opening(self) -> list[Event]:
        """What a client is told first."""
        conversation = {"id": self.names.conversation, "object": "realtime.conversation"}
        return self._dated(
            [
                {"type": "session.created", "session": self._session},
                {"type": "conversation.created", "conversation": conversation},
            ]
        )

    def take(self, data: str | None) -> EventOutcome:
        """Follow a client's event, as its frame holds it; None is a frame that is no text.

        What cannot be followed is answered by an error.
        """
        try:
            if data is None:
                raise unusable(None, "a frame must be text that holds JSON", "invalid_json")
            asked = asks.asked(data)
            try:
                outcome = self._follow(asked.wish)
            except Unusable as error:
                raise Unusable(error.error, asked.event_id) from None
        except Unusable as error:
            return EventOutcome(to_client=self._dated([error.error.event(error.event_id)]))
        return EventOutcome(outcome.to_session, self._dated(outcome.to_client))

    def closing(self) -> list[pb.ConverseRequest]:
        """The client has gone: the session is over."""
        if not self.has_begun:
            return []
        return [self._event(events_pb2.ClientEvent(session_close=events_pb2.SessionClose()))]

    # From the session.

    def told(self, event: events_pb2.ServerEvent) -> list[Event]:
        """What the client is told of it."""
        responses = self._responses
        match event.WhichOneof("event"):
            case "usage":
                return self._dated(responses.used(usage_from_pb(event.usage)))
            case "response_started":
                told = responses.started(event.response_started.response_id)
                self._know_item()
            case "response_delta":
                delta = event.response_delta
                told = responses.delta(delta.response_id, delta.text)
            case "tool_call":
                told = responses.called(event.tool_call)
                self._know_item()
            case "response_done":
                done = event.response_done
                # What it took is told right behind it: its last event waits for that.
                return self._dated(responses.done(done.response_id, done.reason))
            case "interrupted":
                cut = event.interrupted
                told = responses.interrupted(cut.response_id, cut.heard_chars)
            case "response_paused":
                told = responses.paused(event.response_paused.response_id)
            case "response_resumed":
                resumed = event.response_resumed
                told = responses.resumed(resumed.response_id, resumed.from_chars)
                self._know_item()
            case "input_state":
                told = [*note_of(event), *responses.judged(event.input_state)]
            case "quota_reached":
                told = [self._rate_limits(event.quota_reached)]
            case _:
                told = note_of(event)
        return self._dated([*responses.settled(), *told])

    def settled(self) -> list[Event]:
        """What a response took is not told: it ends without."""
        return self._dated(self._responses.settled())

    def failed(self, error: ApiError) -> list[Event]:
        """The conversation ends with an error."""
        return self._dated([*self._responses.settled(), error.event(None)])

    # What each event does.

    def _follow(self, wish: asks.Wish) -> EventOutcome:
        match wish:
            case asks.UpdateSession(changes):
                return self._update(changes)
            case asks.CreateItem():
                return self._create_item(wish)
            case asks.CreateOutput():
                return self._create_output(wish)
            case asks.ItemHeard():
                return self._heard(wish)
            case asks.CreateResponse():
                return self._create_response(wish)
            case asks.CancelResponse(response_id):
                return self._cancel(response_id)
            case asks.AppendText(text, segment_id, is_final):
                if segment_id is None:
                    self._segment_id = segment_id = self._segment_id or self.names.new("seg")
                append = events_pb2.InputAppend(segment_id=segment_id, text=text, is_final=is_final)
                return self._say(events_pb2.ClientEvent(input_append=append))
            case asks.ReviseText(text, segment_id, is_final):
                revise = events_pb2.InputRevise(segment_id=segment_id, text=text, is_final=is_final)
                return self._say(events_pb2.ClientEvent(input_revise=revise))
            case asks.CommitText():
                return self._commit()
            case asks.TellSaid():
                return self._tell_said(wish)
            case _:
                assert_never(wish)

    def _update(self, changes: Any) -> EventOutcome:
        named = changes.get("model")
        if named is not None and named != self.model:
            raise unusable(
                "session.model", f"session.model is {self.model!r}: connect again for another one"
            )
        changes = {name: value for name, value in changes.items() if name != "model"}
        requests: list[pb.ConverseRequest] = []
        if not self.has_begun:
            self.config = set_before(self.config, changes)
        else:
            change = set_during(self.config, changes)
            self.config = self.config.merged(change)
            update = events_pb2.SessionUpdate(config=config_to_pb(change))
            requests = [self._event(events_pb2.ClientEvent(session_update=update))]
        return EventOutcome(requests, [{"type": "session.updated", "session": self._session}])

    def _create_item(self, wish: asks.CreateItem) -> EventOutcome:
        message = Message(wish.role, wish.text, wish.item_id or self.names.new("item"))
        before = self._said.last_item_id
        is_known_at_once = self.has_begun and wish.role != "user"
        self._said.add(message, wish.previous_item_id, waits=not is_known_at_once)
        requests = []
        if is_known_at_once:
            append = events_pb2.ContextAppend(role=message.role, text=message.text)
            requests = [self._event(events_pb2.ClientEvent(context_append=append))]
        item = _item_told(message)
        return EventOutcome(
            requests,
            [
                {"type": "conversation.item.added", "previous_item_id": before, "item": item},
                {"type": "conversation.item.done", "previous_item_id": before, "item": item},
            ],
        )

    def _create_output(self, wish: asks.CreateOutput) -> EventOutcome:
        """What came of a call is known then; `response.create` lets the assistant tell of it."""
        item_id, before = wish.item_id or self.names.new("item"), self._said.last_item_id
        self._said.check_place(item_id, wish.previous_item_id)
        if not self._responses.answer(wish.call_id):
            raise unusable(
                "item.call_id", "item.call_id must be that of a call of which nothing came yet"
            )
        self._said.know(item_id)
        result = events_pb2.ToolResult(call_id=wish.call_id, output=wish.output, is_silent=True)
        item = output_told(item_id, wish.call_id, wish.output)
        return EventOutcome(
            [self._event(events_pb2.ClientEvent(tool_result=result))],
            [
                {"type": "conversation.item.added", "previous_item_id": before, "item": item},
                {"type": "conversation.item.done", "previous_item_id": before, "item": item},
            ],
        )

    def _heard(self, wish: asks.ItemHeard) -> EventOutcome:
        response = self._responses.of_item(wish.item_id)
        if response is None:
            raise unusable("item_id", "item_id must be that of one of the last responses")
        heard_chars = min(response.start_chars + wish.chars, 2**32 - 1)
        ack = events_pb2.PlaybackAck(response_id=response.number, heard_chars=heard_chars)
        told: list[Event] = []
        if wish.truncates:
            where = {"item_id": wish.item_id, "content_index": 0, "audio_end_ms": 0}
            truncated = {"type": "conversation.item.truncated", "heard_chars": wish.chars}
            told = [{**truncated, **where}]
        return EventOutcome([self._event(events_pb2.ClientEvent(playback_ack=ack))], told)

    def _tell_said(self, wish: asks.TellSaid) -> EventOutcome:
        if not self._listens:
            raise unusable(
                "type",
                "duologue.assistant_said is for sessions whose duologue.strategy is 'listen', in"
                " which the client speaks",
                "unsupported",
            )
        response = self._responses.being_said
        if wish.response_id is not None:
            response = self._responses.named(wish.response_id)
            if response is None:
                raise unusable("response_id", "response_id must be that of one of the last ones")
        said = events_pb2.AssistantSaid(text=wish.text, is_end=wish.is_end)
        if response is not None:
            said.response_id = response.number
        if wish.heard_chars is not None:
            before = 0 if response is None else response.start_chars
            said.heard_chars = min(before + wish.heard_chars, 2**32 - 1)
        requests, _ = self._begin_with_what_waits()
        self._responses.tell(response, wish.text, is_end=wish.is_end)
        return EventOutcome([*requests, self._event(events_pb2.ClientEvent(assistant_said=said))])

    def _create_response(self, wish: asks.CreateResponse) -> EventOutcome:
        """Answer what the user said; with nothing said, the assistant speaks unasked."""
        is_asked = self._has_open_text or self._said.has_users_turn
        if is_asked and wish.instructions is not None:
            raise unusable(
                "response.instructions",
                "response.instructions are followed only where the user has said nothing to answer",
                "unsupported",
            )
        if self._listens and not is_asked:
            raise unusable("type", _CLIENT_SPEAKS, "unsupported")
        requests, segment_ids = self._begin_with_what_waits()
        self._responses.await_one(Awaited(wish.metadata, segment_ids))
        if is_asked:
            return EventOutcome([*requests, *self._commit().to_session])
        create = events_pb2.ResponseCreate()
        if wish.instructions is not None:
            create.instructions = wish.instructions
        return EventOutcome(
            [*requests, self._event(events_pb2.ClientEvent(response_create=create))]
        )

    def _cancel(self, response_id: str | None) -> EventOutcome:
        if self._listens:
            raise unusable("type", _CLIENT_SPEAKS, "unsupported")
        active = self._responses.active
        if response_id is not None and (active is None or active.response_id != response_id):
            raise unusable(
                "response_id",
                "response_id must be that of the response in progress",
                "response_cancel_not_active",
            )
        if not self._responses.is_any_wanted:
            raise unusable(None, "there is no response in progress", "response_cancel_not_active")
        cancel = events_pb2.ResponseCancel()
        if active is not None:
            cancel.response_id = active.number
        requests = [self._event(events_pb2.ClientEvent(response_cancel=cancel))]
        return EventOutcome(requests, [] if active is not None else self._responses.cancelled())

    def _say(self, event: events_pb2.ClientEvent) -> EventOutcome:
        requests, _ = self._begin_with_what_waits()
        self._has_open_text = True
        return EventOutcome([*requests, self._event(event)])

    def _commit(self) -> EventOutcome:
        if not self._has_open_text:
            raise unusable(None, "nothing was said since the last commit", "no_input")
        self._has_open_text, self._segment_id = False, None
        return EventOutcome(
            [self._event(events_pb2.ClientEvent(input_commit=events_pb2.InputCommit()))]
        )

    def _begin_with_what_waits(self) -> tuple[list[pb.ConverseRequest], frozenset[str]]:
        """Say the messages that wait, in a session that has begun then."""
        earlier, now = self._said.turns
        requests = [] if self.has_begun else [self._start(earlier)]
        self._said.clear()
        for message in now:
            append = events_pb2.InputAppend(
                segment_id=message.item_id, text=message.text, is_final=True
            )
            requests.append(self._event(events_pb2.ClientEvent(input_append=append)))
            self._has_open_text = True
        return requests, frozenset(message.item_id for message in now)

    def _start(self, earlier: Sequence[Message]) -> pb.ConverseRequest:
        """Begin the session, in which those messages were said before; raises Unusable."""
        try:
            turns = tuple(EarlierTurn(message.role, message.text) for message in earlier)
        except InvalidSetting as error:
            raise refused(error) from None
        config = set_before(self.config, {"history": turns})
        self.has_begun = True
        return pb.ConverseRequest(start=pb.SessionStart(config=config_to_pb(config)))

    def _event(self, event: events_pb2.ClientEvent) -> pb.ConverseRequest:
        self._client_seq += 1
        event.client_seq = self._client_seq
        return pb.ConverseRequest(event=event)

    # What is told.

    @property
    def _listens(self) -> bool:
        """Whether the session only judges what the user says."""
        return self.config.strategy == "listen"

    @property
    def _session(self) -> dict[str, Any]:
        return session_told(self.names.session, self.model, self.config)

    def _rate_limits(self, reached: events_pb2.QuotaReached) -> Event:
        limit = {
            "name": "tokens",
            "limit": self.output_tokens_per_minute,
            "remaining": 0,
            "reset_seconds": reached.retry_after.ToMilliseconds() / 1e3,
        }
        return {"type": "rate_limits.updated", "rate_limits": [limit]}

    def _know_item(self) -> None:
        if (active := self._responses.active) is not None:
            self._said.know(active.last_item_id)

    def _dated(self, events: Sequence[Event]) -> list[Event]:
        """Each under a name of its own."""
        return [{"event_id": self.names.new("event"), **event} for event in events]


def _item_told(message: Message) -> dict[str, Any]:
    kind = "output_text" if message.role == "assistant" else "input_text"
    return {
        "id": message.item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": message.role,
        "content": [{"type": kind, "text": message.text}],
    }
