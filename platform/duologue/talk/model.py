"""What the screen shows, as it follows from what was told and typed.

Pure: no terminal, no network.
"""

import math
from collections import deque
from collections.abc import Sequence
from enum import StrEnum

from duologue.events import (
    ContextTrimmed,
    Envelope,
    Error,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    SessionClosed,
    ToolCall,
)
from duologue.lane.steps import EndReason
from duologue.notices import Backpressure, GoAway, Queued, QuotaReached, SessionMoved, SessionReady
from duologue.session.transcript import Entry, Outcome, Role
from duologue.states import State
from duologue.talk.latency import LatencyMeter
from duologue.told import ConnectionLost, Event, Told, event_of
from duologue.usage import Usage

MAX_PAST = 200

_OUTCOMES = {
    State.QUERY: Outcome.ANSWERED,
    State.NON_QUERY: Outcome.IGNORED,
    State.HOLD: Outcome.HELD,
}


class ConnectionState(StrEnum):
    """How the conversation is connected, in a word for people."""

    CONNECTING = "connecting"
    QUEUED = "queued"
    LIVE = "live"
    RESUMING = "resuming"
    LEAVING = "moving to another gateway"
    CLOSED = "closed"


class ChatModel:
    """Follows one conversation; times are those of the caller's clock."""

    def __init__(self) -> None:
        self.session_id = ""
        self.link = ConnectionState.CONNECTING
        self.notice = ""
        self.state: InputState | None = None
        self.is_speaking = False
        """Whether a reply is in progress."""
        self.is_paused = False
        self.is_held = False
        """Whether a query was decided of whose reply nothing is shown yet."""
        self.usage = Usage()
        self.past: deque[Entry] = deque(maxlen=MAX_PAST)
        """What was said and decided so far."""
        self._replies: dict[int, str] = {}
        """Texts by number: of the last reply, and of the one that it cut."""
        self._response_id = 0
        self._cut_chars: dict[int, int] = {}
        """How much was heard of those that were cut."""
        self._last_query: Entry | None = None
        self._meter = LatencyMeter()

    def typed(self, now_ms: float) -> None:
        """A key changed the user's text."""
        self._meter.heard(now_ms)

    def queued(self, position: int) -> None:
        """The conversation has not begun: so many wait before it."""
        self.link = ConnectionState.QUEUED
        self.notice = f"no room yet: {position} before you"

    def told(self, told: Told, now_ms: float) -> None:
        """Take what the platform, or the client itself, tells."""
        if isinstance(told, Envelope):
            latency = self._meter.told([told], now_ms)
            if latency is not None:
                self.notice = f"first text {latency.first_text_ms:.0f} ms after the last key"
            self._follow_session(told.event)
        else:
            self._follow_connection(event_of(told))

    @property
    def reply(self) -> str:
        """The text of the reply in progress, or of the last one."""
        return self._replies.get(self._response_id, "")

    @property
    def latencies_ms(self) -> list[float]:
        """From the last key to the first text of the reply, reply by reply."""
        replies = self._meter.replies
        return [reply.first_text_ms for reply in replies if reply.first_text_ms is not None]

    def _follow_session(self, event: Event) -> None:
        match event:
            case InputState():
                self.state = event
                self._heard(event)
            case ResponseStarted(response_id):
                self._begin(response_id)
            case ResponseDelta(response_id, text):
                self._replies[response_id] = self._replies.get(response_id, "") + text
            case Interrupted(response_id, heard_chars):
                self._cut_chars[response_id] = heard_chars
                self.notice = f"interrupted: {heard_chars} characters of it stay"
            case ResponseDone(response_id, reason):
                self._said(response_id, reason)
            case ResponsePaused():
                self.is_paused = True
                self.notice = "the reply falls silent"
            case ResponseResumed(response_id, from_chars):
                self._resume(response_id, from_chars)
            case ToolCall(call_id, _, name):
                self.notice = f"the model calls {name} ({call_id})"
            case ContextTrimmed(dropped_turns):
                self.notice = f"the {dropped_turns} oldest turns were forgotten"
            case Error(_, message):
                self.notice = message
            case SessionClosed():
                self.link = ConnectionState.CLOSED
            case _:
                pass

    def _follow_connection(self, event: Event) -> None:
        match event:
            case SessionReady(session_id=session_id):
                self.notice = "resumed" if self.link is ConnectionState.RESUMING else self.notice
                self.session_id, self.link = session_id, ConnectionState.LIVE
            case Queued(position):
                self.queued(position)
            case ConnectionLost(reason):
                self.link = ConnectionState.RESUMING
                self.notice = f"connection lost: {reason}"
            case GoAway():
                self.link = ConnectionState.LEAVING
            case SessionMoved(reason):
                self.notice = f"moved: {reason}"
            case Backpressure(waiting_events):
                self.notice = f"this terminal is slow: {waiting_events} events wait"
            case QuotaReached(quota):
                self.notice = f"the reply waits: the limit of {quota} is reached"
            case Usage():
                self.usage = event
            case _:
                pass

    def _heard(self, event: InputState) -> None:
        outcome = _OUTCOMES.get(event.state)
        if outcome is None:
            return
        entry = Entry(Role.USER, event.text.strip(), outcome)
        if self._goes_on(entry):
            self.past.pop()  # it was decided too early, and went on
        self.past.append(entry)
        self.is_held = event.state is State.QUERY
        self._last_query = entry if self.is_held else None

    def _goes_on(self, entry: Entry) -> bool:
        """Whether it is the last query and more, which nothing was said to."""
        last = self._last_query
        is_last = last is not None and bool(self.past) and self.past[-1] is last
        return is_last and last is not None and entry.text.startswith(last.text)

    def _begin(self, response_id: int) -> None:
        self._replies = {self._response_id: self.reply, response_id: ""}
        self._cut_chars = {each: n for each, n in self._cut_chars.items() if each in self._replies}
        self._response_id = response_id
        self.is_speaking, self.is_paused, self.is_held = True, False, False

    def _resume(self, response_id: int, from_chars: int) -> None:
        """It goes on; if it had been cut, it is no longer of the past."""
        text = self._replies.get(response_id, "")[:from_chars]
        if self._cut_chars.pop(response_id, None) is not None:
            cut = Entry(Role.ASSISTANT, text, Outcome.CUT, response_id)
            self.past = deque((each for each in self.past if each != cut), maxlen=MAX_PAST)
            self.is_speaking = True
        self._replies[response_id] = text
        self._response_id = response_id
        self.is_paused = self.is_held = False
        self.notice = "the reply goes on"

    def _said(self, response_id: int, reason: EndReason) -> None:
        text = self._replies.get(response_id, "")[: self._cut_chars.get(response_id)]
        is_cut = reason in (EndReason.INTERRUPTED, EndReason.CANCELLED)
        if text:
            outcome = Outcome.CUT if is_cut else Outcome.COMPLETE
            self._add_reply(Entry(Role.ASSISTANT, text, outcome, response_id), reason)
        self.is_speaking = self.is_paused = False

    def _add_reply(self, entry: Entry, reason: EndReason) -> None:
        """A reply that was cut stands before the query that cut it, which was told first."""
        cut_by = None
        if reason is EndReason.INTERRUPTED and self.past and self.past[-1].role is Role.USER:
            cut_by = self.past.pop()
        self.past.append(entry)
        if cut_by is not None:
            self.past.append(cut_by)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of them does not exceed; None without any."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
