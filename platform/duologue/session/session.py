"""The session: one conversation's state machine between its client and an engine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from duologue.errors import DuologueError, InvalidInput
from duologue.events import (
    ClientEvent,
    Envelope,
    Error,
    InputAppend,
    InputCommit,
    InputRevise,
    PlaybackAck,
    ResponseCancel,
    ServerEvent,
    SessionClose,
    SessionClosed,
    SessionUpdate,
)
from duologue.lane.judging import Patience
from duologue.lane.lane import Lane, ReplyPhase
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.steps import EndReason, Hear, Reopen, Step
from duologue.session.flight import Decision, Flight, usage_of
from duologue.session.narrator import Narrator, cut_short
from duologue.session.response import Response
from duologue.session.setup import SessionSetup
from duologue.session.silence import Silence
from duologue.session.transcript import Entry, place_of_last_utterance
from duologue.session_config import SessionConfig
from duologue.states import State
from duologue.text.utterance import TokenEdit, Utterance, token_edit
from duologue.usage import Usage

RETRY_AFTER_MS = 1000.0
"""How long to wait before asking again for what was refused for want of room."""


class Session:
    """Client events in, slices out, results in, server events out.

    Runs without a cluster and without a clock of its own: the time is a parameter, in milliseconds
    of any monotonic clock. At most one slice is under way. Nothing else is asked for: the same
    calls in the same order give the same session and the same events.

    `journal` has all steps so far; with `Lane.replay` they give `lane` again.
    """

    def __init__(self, session_id: str, setup: SessionSetup, *, epoch: int = 1) -> None:
        self.session_id = session_id
        self.setup = setup
        self.epoch = epoch
        self.lane = Lane(setup.chat, setup.opening)
        self.journal: list[Step] = []
        self.transcript: list[Entry] = []
        self.usage = Usage()
        self.is_closed = False
        self._changes = SessionConfig()  # of the setup, by the client
        self._strategy = setup.strategy
        self._utterance = Utterance(max_chars=setup.max_utterance_chars)
        self._engine_tokens: tuple[int, ...] = ()  # of the utterance, as the engine knows it
        self._last_decision: Decision | None = None
        self._reopening: Decision | None = None  # to be taken back with the next slice
        self._retry_at_ms = 0.0
        self._silence = Silence(setup.decoding.reconsider_after_ms, setup.decide_after_ms)
        self._response: Response | None = None
        self._cancelled_id: int | None = None
        self._reports_playback = False
        self._flight: Flight | None = None
        self._num_events = 0

    @property
    def is_busy(self) -> bool:
        """Whether a slice is under way."""
        return self._flight is not None

    @property
    def work(self) -> Slice | None:
        """The slice that is under way."""
        return self._flight.work if self._flight is not None else None

    @property
    def is_silent(self) -> bool:
        """Nothing to hear and nothing to say: such a session asks for no slices."""
        is_heard_out = self._utterance.is_empty and not self._known_tokens
        return is_heard_out and self.lane.phase is ReplyPhase.NONE

    @property
    def response(self) -> Response | None:
        """The reply that is being given, or was given last."""
        return self._response

    @property
    def utterance(self) -> str:
        """The user's text that is not yet decided."""
        return self._utterance.text

    def receive(self, event: ClientEvent, now_ms: float, tick: int) -> list[Envelope]:
        """Take a client event. What cannot be used is answered by an error and changes nothing."""
        try:
            if self.is_closed:
                raise InvalidInput(f"session {self.session_id} is closed")
            events = self._take(event, now_ms)
        except DuologueError as error:
            events = [Error.of(error)]
        return self._envelopes(events, tick)

    def next_slice(self, now_ms: float, tick: int) -> Slice | None:
        """What the session wants of the engine in this tick; None when there is nothing to do."""
        if self.is_closed or self.is_busy or now_ms < self._retry_at_ms:
            return None
        hears = self._strategy.listens_while_speaking or self.lane.phase is ReplyPhase.NONE
        edit = self._edit() if hears else None
        conclude = self._conclusion()
        is_due = hears and bool(self._known_tokens) and self._silence.is_due(now_ms)
        if edit is None and conclude is None and not is_due and not self._wants_to_speak:
            return None
        patience = None
        if edit is not None or is_due:
            patience = self._silence.patience(now_ms)
            self._silence.judged(patience)
        return self._depart(edit, conclude, patience, tick)

    def next_need_ms(self, now_ms: float, *, may_speak: bool = True) -> float | None:
        """From when on `next_slice` asks for something, if nothing is received until then.

        None for never. Unless it `may_speak`, going on with a reply is nothing to ask for.
        """
        if self.is_closed or self.is_busy:
            return None
        hears = self._strategy.listens_while_speaking or self.lane.phase is ReplyPhase.NONE
        has_news = (hears and self._edit() is not None) or self._conclusion() is not None
        if has_news or (may_speak and self._wants_to_speak):
            return max(now_ms, self._retry_at_ms)
        due_ms = self._silence.due_at_ms(now_ms) if hears and self._known_tokens else None
        return None if due_ms is None else max(due_ms, self._retry_at_ms)

    def absorb(self, result: SliceResult, now_ms: float) -> list[Envelope]:
        """Take what came of the slice; returns what the client is to be told, in order.

        What comes after the end of the session has happened to its lane, but nobody is told.
        """
        flight, self._flight = self._flight, None
        assert flight is not None, "a result without a slice"
        assert flight.work.tick == result.tick, (flight.work.tick, result.tick)
        self.usage += usage_of(result)
        if self.is_closed:
            for step in result.steps:
                self.lane.apply(step)
            self._keep(result.steps)
            return []
        self._follow(result, flight)
        narrator = Narrator(
            self.lane,
            self._response,
            flight,
            reports_playback=self._reports_playback,
        )
        events = narrator.tell(result)
        self._keep(result.steps)
        if narrator.is_withdrawn:
            self._forget_last_query()
        self.transcript.extend(narrator.entries)
        self._response = narrator.response
        if result.judgement is not None and result.judgement.state is not State.INCOMPLETE:
            self._settle(flight, result.judgement.state, now_ms)
        if result.error is not None:
            events.extend(self._refuse(result, result.error, flight, now_ms))
        return self._envelopes(events, result.tick)

    def abandon(self) -> None:
        """The slice under way will never come back, and nothing came of it: ask for it again."""
        flight, self._flight = self._flight, None
        assert flight is not None, "no slice is under way"
        if flight.is_judging:
            self._silence.failed()

    @property
    def _known_tokens(self) -> tuple[int, ...]:
        """The utterance's tokens as the engine will know them before it hears an edit."""
        return self._engine_tokens if self._reopening is None else self._reopening.tokens

    @property
    def _wants_to_speak(self) -> bool:
        """A reply is to go on: also one that time division interrupted, whatever became of that."""
        is_under_way = self.lane.phase in (ReplyPhase.SPEAKING, ReplyPhase.PAUSED)
        return is_under_way and not (self._response is not None and self._response.is_done)

    def _take(self, event: ClientEvent, now_ms: float) -> Sequence[ServerEvent]:
        match event:
            case InputAppend(segment_id, text, is_final):
                with self._listening(segment_id, now_ms):
                    self._utterance.append(segment_id, text, is_final)
            case InputRevise(segment_id, text, is_final):
                with self._listening(segment_id, now_ms):
                    self._utterance.revise(segment_id, text, is_final)
            case InputCommit():
                self._last_decision = None
                if not self._utterance.is_empty:
                    self._silence.commit()
            case PlaybackAck(response_id, heard_chars):
                self._acknowledge(response_id, heard_chars)
            case ResponseCancel(response_id):
                self._cancel(response_id)
            case SessionUpdate(config):
                config.check_changeable()
                self._change(config)
            case SessionClose():
                return self._close()
        return []

    def _change(self, config: SessionConfig) -> None:
        """Other settings from the next slice on; a reply keeps the stop strings it began with."""
        self._changes = self._changes.merged(config)
        self.setup = self.setup.changed(config)

    def _close(self) -> Sequence[ServerEvent]:
        """What was heard of a reply stays in the transcript; text that is undecided does not."""
        self.is_closed = True
        events: list[ServerEvent] = []
        if self._reply is not None:
            entry, events = cut_short(self._reply)
            self.transcript.append(entry)
        return [*events, SessionClosed()]

    @contextmanager
    def _listening(self, segment_id: str, now_ms: float) -> Iterator[None]:
        """What changes in the utterance is something that the user says now."""
        before, continues = self._utterance.text, self._continues(segment_id, now_ms)
        yield
        if self._utterance.text != before:
            self._silence.heard(now_ms)
            if continues:
                self._reopen()

    def _continues(self, segment_id: str, now_ms: float) -> bool:
        """Whether text for this segment goes on with the utterance that was decided last.

        A decision about a beginning ("what is the") is taken back when the rest follows at once.
        """
        last, hears_more = self._last_decision, self._flight and self._flight.work.edit
        return (
            last is not None
            and now_ms - last.at_ms < self.setup.decoding.continues_within_ms
            and self._utterance.is_empty
            and self._utterance.was_decided(segment_id)
            and not self._known_tokens
            and not hears_more
        )

    def _reopen(self) -> None:
        assert self._last_decision is not None, "nothing was decided"
        self._utterance.reopen()
        if self._last_decision.state is State.NON_QUERY:
            del self.transcript[place_of_last_utterance(self.transcript)]
        else:
            self._reopening = self._last_decision
        self._last_decision = None

    def _forget_last_query(self) -> None:
        """It will stand in the transcript again, as a whole, when it is decided again."""
        del self.transcript[place_of_last_utterance(self.transcript) :]

    def _acknowledge(self, response_id: int, heard_chars: int) -> None:
        is_present = self._known(response_id)
        self._reports_playback = True
        if is_present and self._response is not None:
            self._response.acknowledge(heard_chars)

    def _cancel(self, response_id: int | None) -> None:
        """What is meant is the reply of now: by the next slice there may be another one."""
        is_meant = response_id is None or self._known(response_id)
        if is_meant and self._reply is not None:
            self._cancelled_id = self._reply.response_id

    def _known(self, response_id: int) -> bool:
        """Whether this is the present response; an older one is over and can be left alone."""
        latest = self._response.response_id if self._response is not None else 0
        if not 1 <= response_id <= latest:
            raise InvalidInput(
                f"response_id {response_id} is not known; the latest response is {latest}"
            )
        return response_id == latest

    @property
    def _reply(self) -> Response | None:
        """The reply in the output channel."""
        return self._response if self.lane.phase is not ReplyPhase.NONE else None

    def _edit(self) -> TokenEdit | None:
        known = self._known_tokens
        edit = token_edit(known, self.setup.tokenizer.encode(self._utterance.text))
        is_same = not edit.append and edit.keep == len(known)
        return None if is_same else edit

    def _conclusion(self) -> EndReason | None:
        """Why the reply in the output channel is to end now, if it is."""
        reply = self._reply
        if reply is None:
            return None
        if reply.is_done and reply.is_heard:
            return EndReason.STOP_STRING if reply.met_stop_string else EndReason.STOP
        return EndReason.CANCELLED if reply.response_id == self._cancelled_id else None

    def _depart(
        self,
        edit: TokenEdit | None,
        conclude: EndReason | None,
        patience: Patience | None,
        tick: int,
    ) -> Slice:
        """A slice leaves. `patience` is None if the utterance is not to be judged in it."""
        decoding, reply = self.setup.decoding, self._reply
        has_stops = bool(self.setup.stop_strings) or (reply is not None and reply.has_stop_strings)
        has_stopped = self.lane.is_speaking and not self._wants_to_speak and conclude is None
        work = Slice(
            session_id=self.session_id,
            epoch=self.epoch,
            tick=tick,
            reopens=self._reopening is not None,
            edit=edit,
            patience=patience or Patience.NORMAL,
            heard=reply.heard if reply is not None else None,
            conclude=conclude,
            # A stop string may end a reply before its last tokens: only the session can tell.
            holds_reply=self._reports_playback or has_stops,
            reply_tokens=0 if has_stopped else decoding.reply_tokens_per_slice,
            look_ahead_tokens=decoding.look_ahead_tokens,
        )
        tokens = self._known_tokens
        if edit is not None:
            tokens = (*tokens[: edit.keep], *edit.append)
        self._flight = Flight(
            work=work,
            setup=self.setup,
            is_judging=patience is not None,
            text=self._utterance.text,
            segments=self._utterance.snapshot(),
            segment_ids=self._utterance.segment_ids,
            tokens=tokens,
            is_committed=self._silence.is_committed,
            heard_chars=reply.heard_chars if reply is not None else 0,
        )
        return work

    def _keep(self, steps: Sequence[Step]) -> None:
        self.journal.extend(steps)

    def _follow(self, result: SliceResult, flight: Flight) -> None:
        """Keep up with what the engine knows of the utterance."""
        if any(isinstance(step, Reopen) for step in result.steps):
            self._engine_tokens, self._reopening = self._known_tokens, None
        if any(isinstance(step, Hear) for step in result.steps):
            self._engine_tokens = flight.tokens
        had_to_decide = flight.work.patience is Patience.OUT and result.error is None
        if had_to_decide and result.judgement is None:
            # Time division has nothing left to read: it is to hear the utterance again as a whole.
            self._engine_tokens = ()

    def _settle(self, flight: Flight, state: State, now_ms: float) -> None:
        """The utterance was decided; what was said since then goes on with it, or begins another.

        Once the client has said that the turn is over, nothing goes on with it.
        """
        self._utterance.decide(flight.segments)
        self._engine_tokens = ()
        was_committed = self._silence.is_committed
        self._silence.decided(has_rest=not self._utterance.is_empty)
        is_over = flight.is_committed or (was_committed and not self._silence.is_committed)
        can_reopen = self._strategy.takes_back and not is_over
        self._last_decision = Decision(state, now_ms, flight.tokens) if can_reopen else None
        goes_on = any(map(self._utterance.was_decided, self._utterance.segment_ids))
        if can_reopen and goes_on and self.setup.decoding.continues_within_ms > 0:
            self._reopen()

    def _refuse(
        self, result: SliceResult, error: DuologueError, flight: Flight, now_ms: float
    ) -> Sequence[ServerEvent]:
        """A slice ended early: say so, and ask again only when that can help."""
        if isinstance(error, InvalidInput):
            # The utterance can never be heard. It leaves, so that the user can say something else.
            self._utterance.decide(flight.segments)
            self._silence.decided(has_rest=not self._utterance.is_empty)
            self._last_decision = self._reopening = None
        else:
            self._retry_at_ms = now_ms + RETRY_AFTER_MS
            if result.judgement is None:
                self._silence.failed()
        return [Error.of(error)]

    def _envelopes(self, events: Sequence[ServerEvent], tick: int) -> list[Envelope]:
        envelopes = []
        for event in events:
            self._num_events += 1
            envelopes.append(Envelope(self._num_events, tick, self.epoch, event))
        return envelopes
