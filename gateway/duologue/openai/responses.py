"""The responses of a realtime conversation: from the session's events to those of OpenAI's API."""

from collections import OrderedDict, deque
from collections.abc import Mapping, Set
from dataclasses import dataclass

from duologue.openai.names import Names
from duologue.openai.spoken_response import Event, SpokenResponse
from duologue.openai.tools import FunctionCall
from duologue.usage import Usage
from duologue.v1 import events_pb2 as pb

MAX_KEPT = 64
"""Responses that are remembered: for what was heard of them, and to go on."""
MAX_AWAITED = 64


@dataclass(frozen=True, slots=True)
class Awaited:
    """A response that the client asked for, and that did not begin yet."""

    metadata: Mapping[str, str] | None
    segment_ids: Set[str]
    """What it is to answer; empty is whatever comes first."""


@dataclass(slots=True)
class ToldAhead:
    """What the client's own assistant says of a response that the session did not begin yet."""

    text: str
    is_end: bool


class Responses:
    """Each method gives what the client is to be told, in order.

    The last event of a response waits for what it took, which the session tells right behind it.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._kept: OrderedDict[int, SpokenResponse] = OrderedDict()
        self._awaited: deque[Awaited] = deque(maxlen=MAX_AWAITED)
        self._ended: SpokenResponse | None = None
        """Its last event is still to come."""
        self._used = Usage()
        self._open_calls: set[str] = set()
        """Of which nothing came yet; the session bounds their number."""
        self._told_ahead: deque[ToldAhead] = deque(maxlen=MAX_AWAITED)

    # From the client's side.

    def await_one(self, awaited: Awaited) -> None:
        """The client asked for a response."""
        self._awaited.append(awaited)

    @property
    def is_any_wanted(self) -> bool:
        """Whether there is one to cancel."""
        return bool(self._awaited) or self.active is not None

    @property
    def active(self) -> SpokenResponse | None:
        """The one that is being told."""
        return next((each for each in self._kept.values() if each.reason is None), None)

    def of_item(self, item_id: str) -> SpokenResponse | None:
        return next((each for each in self._kept.values() if each.item_id == item_id), None)

    def named(self, response_id: str) -> SpokenResponse | None:
        return next((each for each in self._kept.values() if each.response_id == response_id), None)

    def answer(self, call_id: str) -> bool:
        """Whether a call of that name waits; it does no longer."""
        is_open = call_id in self._open_calls
        self._open_calls.discard(call_id)
        return is_open

    @property
    def being_said(self) -> SpokenResponse | None:
        """The one that the client's own assistant is in the midst of, as far as it was begun."""
        open_ = (each for each in self._kept.values() if each.goes_on)
        return None if self._told_ahead else next(open_, None)

    def tell(self, response: SpokenResponse | None, text: str, *, is_end: bool) -> None:
        """The client's own assistant says this; None is a response that the session is to begin."""
        if response is not None:
            response.tell(text, is_end=is_end)
        elif self._told_ahead and not self._told_ahead[-1].is_end:
            self._told_ahead[-1].text += text
            self._told_ahead[-1].is_end = is_end
        else:
            self._told_ahead.append(ToldAhead(text, is_end))

    def cancelled(self) -> list[Event]:
        """Those that did not begin will not."""
        events = [
            event
            for awaited in self._awaited
            for event in self._silent(awaited).silent(pb.END_REASON_CANCELLED)
        ]
        self._awaited.clear()
        return events

    # From the session's side.

    def started(self, number: int) -> list[Event]:
        events = self._begin(number, self._wanted_metadata())
        if self._told_ahead:
            ahead = self._told_ahead.popleft()
            self._kept[number].tell(ahead.text, is_end=ahead.is_end)
        return events

    def delta(self, number: int, text: str) -> list[Event]:
        response = self._kept.get(number)
        if response is None or response.reason is not None:
            return []
        return [response.delta(text)]

    def called(self, call: pb.ToolCall) -> list[Event]:
        """A response calls a function, which waits for what comes of it."""
        self._open_calls.add(call.call_id)
        response = self._kept.get(call.response_id)
        return [] if response is None else response.call(FunctionCall.of(call, self._names))

    def done(self, number: int, reason: int) -> list[Event]:
        response = self._kept.get(number)
        if response is None or response.reason is not None:
            return []
        events = [*self.settled(), *response.finish_text(reason)]
        self._ended = response
        return events

    def used(self, usage: Usage) -> list[Event]:
        """What the session has used by now, all of its life together."""
        before, self._used = self._used, usage
        return self.settled(
            Usage(
                max(0, usage.input_tokens - before.input_tokens),
                max(0, usage.output_tokens - before.output_tokens),
            )
        )

    def settled(self, usage: Usage | None = None) -> list[Event]:
        """The last event of a response that has ended."""
        ended, self._ended = self._ended, None
        return [] if ended is None else [ended.end(usage)]

    def interrupted(self, number: int, heard_chars: int) -> list[Event]:
        """So much stays, counted within the response that is told of."""
        response, before = self._kept.get(number), 0
        if response is not None:
            response.is_cut = True
            before = response.start_chars
        chars = max(0, heard_chars - before)
        return self._noted("duologue.interrupted", number, heard_chars=chars)

    def paused(self, number: int) -> list[Event]:
        return self._noted("duologue.response_paused", number)

    def resumed(self, number: int, from_chars: int) -> list[Event]:
        """It goes on. One that was cut has ended, and goes on as another response; one whose text
        is complete and still being played does not."""
        response = self._kept.get(number)
        if response is not None and (response.reason is None or not response.is_cut):
            response.go_on_from(from_chars)
            chars = max(0, from_chars - response.start_chars)
            return self._noted("duologue.response_resumed", number, from_chars=chars)
        metadata = dict(self._wanted_metadata() or {})
        if response is not None:
            metadata["duologue.resumes"] = response.response_id
        events = self._begin(number, metadata or None, from_chars)
        if response is not None and response.is_told:
            self._kept[number].tell(response.text_from(from_chars), is_end=response.is_told_whole)
        return events

    def judged(self, state: pb.InputState) -> list[Event]:
        """What was said was found to want no answer: so a response that was asked for is silent."""
        if not self._awaited or state.state not in (pb.STATE_NON_QUERY, pb.STATE_HOLD):
            return []
        first = self._awaited[0]
        if first.segment_ids and first.segment_ids.isdisjoint(state.segment_ids):
            return []
        self._awaited.popleft()
        return self._silent(first).silent(pb.END_REASON_STOP)

    def _begin(
        self, number: int, metadata: Mapping[str, str] | None, start_chars: int = 0
    ) -> list[Event]:
        response = self._new(number, metadata, start_chars)
        self._kept[number] = response
        self._kept.move_to_end(number)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return response.begin()

    def _silent(self, awaited: Awaited) -> SpokenResponse:
        return self._new(0, awaited.metadata)

    def _new(
        self, number: int, metadata: Mapping[str, str] | None, start_chars: int = 0
    ) -> SpokenResponse:
        response_id, item_id = self._names.new("resp"), self._names.new("item")
        conversation = self._names.conversation
        return SpokenResponse(number, response_id, item_id, conversation, metadata, start_chars)

    def _wanted_metadata(self) -> Mapping[str, str] | None:
        return self._awaited.popleft().metadata if self._awaited else None

    def _noted(self, kind: str, number: int, **more: int) -> list[Event]:
        response = self._kept.get(number)
        if response is None:
            return []
        where = {"response_id": response.response_id, "item_id": response.item_id}
        return [{"type": kind, **where, **more}]
