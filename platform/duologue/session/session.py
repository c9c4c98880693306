"""The session: one conversation's state machine between its client and an engine."""

from collections.abc import Sequence
from dataclasses import dataclass

from duologue.errors import DuologueError, InvalidInput
from duologue.events import (
    AssistantSaid,
    ClientEvent,
    ContextAppend,
    Envelope,
    Error,
    InputAppend,
    InputCommit,
    InputRevise,
    PlaybackAck,
    ResponseCancel,
    ResponseCreate,
    ServerEvent,
    SessionClose,
    SessionClosed,
    SessionUpdate,
    ToolResult,
)
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.steps import Amend
from duologue.session.asking import asked
from duologue.session.calling import take_result
from duologue.session.floor import Floor
from duologue.session.hearing import Hearing
from duologue.session.noting import noted
from duologue.session.playback import report
from duologue.session.response import Response
from duologue.session.setup import SessionSetup
from duologue.session.slicing import Wants, depart, usage_of
from duologue.session.state import Flight, SessionState
from duologue.session.step_interpreter import StepInterpreter, cut_short
from duologue.session.telling import Telling
from duologue.session.transcript import Entry
from duologue.session_config import SessionConfig
from duologue.states import State
from duologue.text.normal_form import normal_form
from duologue.usage import Usage

RETRY_AFTER_MS = 1000.0
"""How long to wait before asking again for what was refused for want of room."""


@dataclass(frozen=True, slots=True)
class Pending:
    """When a session wants something, if nothing is received until then; None for never."""

    slice_ms: float | None = None
    """From when on `next_slice` asks for a slice."""
    elapse_ms: float | None = None
    """From when on `elapse` has something to tell."""

    @property
    def next_ms(self) -> float | None:
        """The earlier of the two."""
        return min((ms for ms in (self.slice_ms, self.elapse_ms) if ms is not None), default=None)


class Session:
    """Client events in, slices out, results in, server events out.

    Runs without a cluster and without a clock of its own: the time is a parameter, in milliseconds
    of any monotonic clock. At most one slice is under way. Nothing else is asked for: the same
    calls in the same order give the same session and the same events.

    `state` and `lane` are all that it is; a session that is made of them goes on where it was.
    """

    def __init__(
        self,
        session_id: str,
        setup: SessionSetup,
        *,
        epoch: int = 1,
        state: SessionState | None = None,
        lane: Lane | None = None,
    ) -> None:
        """`setup` is what a new session begins with; one that is given a state has its terms."""
        self.session_id = session_id
        self.epoch = epoch
        self.state = state or SessionState.new(setup.terms)
        self.setup = setup.under(self.state.terms)
        self.lane = lane or self.setup.new_lane()
        self._encoded: tuple[str, tuple[int, ...]] = ("", ())

    @property
    def is_busy(self) -> bool:
        """Whether a slice is under way."""
        return self.state.flight is not None

    @property
    def is_closed(self) -> bool:
        return self.state.is_closed

    @property
    def work(self) -> Slice | None:
        """The slice that is under way."""
        return self.state.flight.work if self.state.flight is not None else None

    @property
    def is_silent(self) -> bool:
        """Nothing to hear and nothing to say, but for a reply that waits until it may go on, with
        those that were asked for behind it, or that the caller says."""
        state = self.state
        is_heard_out = state.utterance.is_empty and not state.known_tokens
        if self.lane.phase is ReplyPhase.NONE:
            return is_heard_out and not (state.waiting and self.setup.strategy.speaks)
        response = state.response
        waits = response is not None and (response.pause is not None or response.is_told)
        return is_heard_out and waits

    @property
    def response(self) -> Response | None:
        """The reply that is being given, or was given last."""
        return self.state.response

    @property
    def utterance(self) -> str:
        """The user's text that is not yet decided."""
        return self.state.utterance.text

    @property
    def transcript(self) -> list[Entry]:
        """What was said, as far as it is at hand."""
        return self.state.transcript

    @property
    def usage(self) -> Usage:
        """What the session has used in all its life."""
        return self.state.usage

    # What happens.

    def receive(self, event: ClientEvent, now_ms: float, tick: int) -> list[Envelope]:
        """Take a client event. What cannot be used is answered by an error and changes nothing."""
        try:
            if self.is_closed:
                raise InvalidInput(f"session {self.session_id} is closed")
            events = list(self._take(event, now_ms))
        except DuologueError as error:
            events = [Error.of(error)]
        return self._envelopes(events, now_ms, tick)

    def pending(self, now_ms: float, *, may_speak: bool = True) -> Pending:
        """What the session wants, and when, if nothing is received until then.

        Unless it `may_speak`, going on with a reply is nothing to ask for.
        """
        if self.is_closed:
            return Pending()
        elapse_ms = self._floor.due_at_ms(now_ms)
        if self.is_busy:
            return Pending(None, elapse_ms)
        slice_ms = self._wants(now_ms).due_at_ms(now_ms, may_speak=may_speak)
        if slice_ms is not None:
            slice_ms = max(slice_ms, self.state.retry_at_ms)
        return Pending(slice_ms, elapse_ms)

    def next_slice(self, now_ms: float, tick: int, *, at_pace: bool = True) -> Slice | None:
        """What the session wants of the engine in this tick; None when there is nothing to do.

        Unless `at_pace`, a reply goes on whatever its pace is.
        """
        if self.is_closed or self.is_busy or now_ms < self.state.retry_at_ms:
            return None
        wants = self._wants(now_ms)
        due_ms = wants.due_at_ms(now_ms, at_pace=at_pace)
        if due_ms is None or due_ms > now_ms:
            return None
        self.state.flight = depart(wants, self.session_id, self.epoch, tick, now_ms)
        return self.work

    def elapse(self, now_ms: float, tick: int) -> list[Envelope]:
        """Let the time bring what `pending` said: a reply is confirmed, or goes on."""
        return self._envelopes([], now_ms, tick)

    def absorb(self, result: SliceResult, now_ms: float) -> list[Envelope]:
        """Take what came of the slice; returns what the client is to be told, in order.

        What comes after the end of the session has happened to its lane, but nobody is told.
        """
        flight, self.state.flight = self.state.flight, None
        assert flight is not None, "a result without a slice"
        assert flight.work.tick == result.tick, (flight.work.tick, result.tick)
        self.state.usage += usage_of(result)
        if self.is_closed:
            for step in result.steps:
                self.lane.apply(step)
            return []
        interpreter = StepInterpreter(self.state, self.setup, self.lane, flight, now_ms)
        events = interpreter.tell(result, self._hearing)
        if result.error is not None:
            events.extend(self._refuse(result, result.error, flight, now_ms))
        events.extend(self._hearing.consider(now_ms))
        return self._envelopes(events, now_ms, result.tick)

    def abandon(self) -> None:
        """The slice under way will never come back, and nothing came of it: ask for it again."""
        flight, self.state.flight = self.state.flight, None
        assert flight is not None, "no slice is under way"
        self.state.is_flight_void = False
        if flight.is_judging:
            self.state.silence.failed()
        self.state.amends = self.state.amends or flight.work.amends is not None

    # How.

    @property
    def _floor(self) -> Floor:
        return Floor(self.state, self.setup)

    @property
    def _hearing(self) -> Hearing:
        return Hearing(self.state, self.setup, self._floor, self._encode, self._max_tokens)

    @property
    def _max_tokens(self) -> int:
        """Of anything that is to have room in the context beside a turn and a reply."""
        return self.setup.max_part_tokens(self.lane.num_opening_tokens)

    def _wants(self, now_ms: float) -> Wants:
        return Wants(self.state, self.setup, self.lane, self._encode, now_ms)

    def _encode(self, text: str) -> tuple[int, ...]:
        """Tokens of an utterance; encoded once for as long as it reads the same."""
        read = normal_form(text)
        if self._encoded[0] != read:
            self._encoded = read, tuple(self.setup.tokenizer.encode(read))
        return self._encoded[1]

    def _take(self, event: ClientEvent, now_ms: float) -> Sequence[ServerEvent]:
        terms = self.state.terms
        events = self._follow(event, now_ms)
        if self.state.terms is not terms:
            self.setup = self.setup.under(self.state.terms)
        return events

    def _follow(self, event: ClientEvent, now_ms: float) -> Sequence[ServerEvent]:
        match event:
            case InputAppend() | InputRevise():
                return self._hearing.take(event, now_ms)
            case InputCommit():
                self._commit()
            case PlaybackAck(response_id, heard_chars):
                if self._is_known(response_id):
                    report(self.state, response_id, heard_chars, now_ms)
            case ResponseCancel(response_id):
                self._cancel(response_id)
            case AssistantSaid():
                telling = Telling(self.state, self.setup, self._floor, self.setup.tokenizer.encode)
                return telling.take(event, now_ms)
            case ContextAppend():
                note = noted(event, self.state.notes, self.setup.tokenizer.encode, self._max_tokens)
                self.state.notes.append(note)
                self.state.usage += Usage(input_tokens=len(note.tokens))
            case ResponseCreate():
                self._ask(event)
            case ToolResult():
                note = take_result(event, self.state, self.setup, self._max_tokens)
                self.state.usage += Usage(input_tokens=len(note.tokens))
            case SessionUpdate(config):
                config.check_changeable()
                self._change(config)
            case SessionClose():
                return self._close(now_ms)
        return []

    def _ask(self, event: ResponseCreate) -> None:
        response = asked(event, self.state, self.setup, self._max_tokens)
        self.state.waiting.append(response)
        if response.instructions is not None:
            self.state.usage += Usage(input_tokens=len(response.instructions.tokens))

    def _commit(self) -> None:
        if not self.state.utterance.is_empty:
            self.state.silence.commit()
        if self.state.decision is not None:
            self.state.decision.is_over = True

    def _change(self, config: SessionConfig) -> None:
        """Other settings from the next slice on; a reply keeps the stop strings it began with."""
        self.state.terms = self.state.terms.changed(config)

    def _close(self, now_ms: float) -> Sequence[ServerEvent]:
        """What was heard of a reply stays in the transcript; text that is undecided does not."""
        events: list[ServerEvent] = []
        decision = self.state.decision
        if decision is not None and decision.state is State.QUERY and not decision.is_confirmed:
            events += self._floor.confirm(now_ms)
        self.state.is_closed = True
        if self.lane.phase is not ReplyPhase.NONE:
            events += cut_short(self.state, self.setup, now_ms)
        return [*events, SessionClosed()]

    def _cancel(self, response_id: int | None) -> None:
        """What is meant is the reply of now: by the next slice there may be another one.

        Without a number, also those that were asked for and wait.
        """
        if not self.setup.strategy.speaks:
            raise InvalidInput(
                "is not for sessions with the strategy 'listen', in which the "
                "caller speaks: end the response by assistant_said",
                field="response_cancel",
            )
        if response_id is None:
            self._cancel_waiting()
        response = self.state.response
        is_meant = response_id is None or (
            self._is_known(response_id)
            and response is not None
            and response.response_id == response_id
        )
        if is_meant and response is not None and self.lane.phase is not ReplyPhase.NONE:
            response.is_cancelled = True

    def _cancel_waiting(self) -> None:
        """Let go of what was asked for; one that begins in the slice under way ends then."""
        state = self.state
        begins = state.flight is not None and state.flight.work.begins
        del state.waiting[1 if begins else 0 :]
        for response in state.waiting:
            response.is_cancelled = True

    def _is_known(self, response_id: int) -> bool:
        """True; raises InvalidInput for a response that was never shown."""
        latest = self.state.num_responses
        if not 1 <= response_id <= latest:
            raise InvalidInput(
                f"response_id {response_id} is not known; the latest response is {latest}"
            )
        return True

    def _refuse(
        self, result: SliceResult, error: DuologueError, flight: Flight, now_ms: float
    ) -> Sequence[ServerEvent]:
        """A slice ended early: say so, and ask again only when that can help."""
        state = self.state
        if isinstance(error, InvalidInput):
            # The utterance can never be heard. It leaves, so that the user can say something else.
            state.utterance.decide(flight.segments)
            state.silence.decided(has_rest=not state.utterance.is_empty)
            state.decision = state.reopening = None
            state.amends = False
        else:
            state.retry_at_ms = now_ms + RETRY_AFTER_MS
            was_amended = any(isinstance(step, Amend) for step in result.steps)
            state.amends |= flight.work.amends is not None and not was_amended
            if result.judgement is None:
                state.silence.failed()
        return [Error.of(error)]

    def _envelopes(self, events: Sequence[ServerEvent], now_ms: float, tick: int) -> list[Envelope]:
        """The events with their numbers, and with what the time has brought by now."""
        if not self.is_closed:
            events = [*events, *self._floor.follow_up(now_ms)]
        envelopes = []
        for event in events:
            self.state.num_events += 1
            envelopes.append(Envelope(self.state.num_events, tick, self.epoch, event))
        return envelopes
