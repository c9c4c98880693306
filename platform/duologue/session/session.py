"""The session: one conversation's state machine between its client and an engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
)
from duologue.lane.judging import Patience
from duologue.lane.lane import Lane, ReplyPhase
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.steps import EndReason, Hear, Step
from duologue.session.narrator import Narrator
from duologue.session.response import Response
from duologue.session.setup import SessionSetup
from duologue.session.silence import Silence
from duologue.session.transcript import Entry, Role
from duologue.states import State
from duologue.text.utterance import TokenEdit, Utterance, token_edit

RETRY_AFTER_MS = 1000.0
"""How long to wait before asking again for what was refused for want of room."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The last decision about an utterance, as long as text may follow that belongs to it."""

    state: State
    at_ms: float
    tokens: tuple[int, ...]
    """The utterance's tokens, as the engine knew them."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A slice that is under way, and the utterance as it was when it left."""

    work: Slice
    text: str
    segments: Mapping[str, str]
    segment_ids: tuple[str, ...]
    tokens: tuple[int, ...]


class Session:
    """Client events in, slices out, results in, server events out.

    Runs without a cluster and without a clock of its own: the time is a parameter, in milliseconds
    of any monotonic clock. At most one slice is under way. `journal` has all steps so far; with
    `Lane.replay` they give `lane` again.
    """

    def __init__(self, session_id: str, setup: SessionSetup, *, epoch: int = 1) -> None:
        self.session_id = session_id
        self.setup = setup
        self.epoch = epoch
        self.lane = Lane(setup.chat, setup.opening)
        self.journal: list[Step] = []
        self.transcript: list[Entry] = []
        self.is_closed = False
        self._strategy = setup.strategy
        self._utterance = Utterance()
        self._engine_tokens: tuple[int, ...] = ()  # of the utterance, as the engine knows it
        self._last_decision: Decision | None = None
        self._reopens = False
        self._refused_text: str | None = None
        self._retry_at_ms = 0.0
        self._silence = Silence(
            reconsider_after_ms=setup.decoding.reconsider_after_ms,
            decide_after_ms=(
                setup.decoding.decide_after_ms
                if self._strategy.judges
                else setup.decoding.reconsider_after_ms
            ),
        )
        self._response: Response | None = None
        self._cancels = False
        self._reports_playback = False
        self._flight: Flight | None = None
        self._num_events = 0

    @property
    def is_busy(self) -> bool:
        """Whether a slice is under way."""
        return self._flight is not None

    @property
    def is_silent(self) -> bool:
        """Nothing to hear and nothing to say: such a session asks for no slices."""
        return self._utterance.is_empty and self.lane.phase is ReplyPhase.NONE

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
            self._take(event, now_ms)
        except DuologueError as error:
            return self._envelopes([Error.of(error)], tick)
        return []

    def next_slice(self, now_ms: float, tick: int) -> Slice | None:
        """What the session wants of the engine in this tick; None when there is nothing to do."""
        if self.is_closed or self.is_busy or now_ms < self._retry_at_ms:
            return None
        hears = self._strategy.listens_while_speaking or self.lane.phase is ReplyPhase.NONE
        edit = self._edit() if hears else None
        conclude = self._conclusion()
        is_due = hears and bool(self._engine_tokens) and self._silence.is_due(now_ms)
        if edit is None and conclude is None and not is_due and not self._wants_to_speak:
            return None
        patience = self._silence.patience(now_ms) if hears else Patience.NORMAL
        if edit is not None or is_due:
            self._silence.judged(patience)
        return self._depart(edit, conclude, patience, tick)

    def absorb(self, result: SliceResult, now_ms: float) -> list[Envelope]:
        """Take what came of the slice; returns what the client is to be told, in order."""
        flight, self._flight = self._flight, None
        assert flight is not None, "a result without a slice"
        assert flight.work.tick == result.tick, (flight.work.tick, result.tick)
        if any(isinstance(step, Hear) for step in result.steps):
            self._engine_tokens = flight.tokens
        narrator = Narrator(self.lane, self.setup, self._response, flight.segment_ids, flight.text)
        events = narrator.tell(result, flight.work.conclude)
        self.journal.extend(result.steps)
        if narrator.is_withdrawn:
            self._forget_last_utterance()
        self.transcript.extend(narrator.entries)
        self._response = narrator.response
        self._cancels = self._cancels and flight.work.conclude is None
        if result.judgement is not None and result.judgement.state is not State.INCOMPLETE:
            self._settle(flight, result.judgement.state, now_ms)
        if result.error is not None:
            events.extend(self._refuse(result.error, flight, now_ms))
        return self._envelopes(events, result.tick)

    @property
    def _wants_to_speak(self) -> bool:
        ended = self._response is not None and self._response.is_done
        return self.lane.is_speaking and not ended

    def _take(self, event: ClientEvent, now_ms: float) -> None:
        match event:
            case InputAppend(segment_id, text, is_final):
                continues = bool(text.strip()) and self._continues(segment_id, now_ms)
                self._utterance.append(segment_id, text, is_final)
                if continues:
                    self._reopen()
                self._silence.heard(now_ms)
            case InputRevise(segment_id, text, is_final):
                self._utterance.revise(segment_id, text, is_final)
                self._silence.heard(now_ms)
            case InputCommit():
                if not self._utterance.is_empty:
                    self._silence.commit()
            case PlaybackAck(response_id, heard_chars):
                self._acknowledge(response_id, heard_chars)
            case ResponseCancel(response_id):
                self._cancel(response_id)
            case SessionClose():
                self.is_closed = True

    def _continues(self, segment_id: str, now_ms: float) -> bool:
        """Whether text for this segment goes on with the utterance that was decided last.

        A decision about a beginning ("what is the") is taken back when the rest follows at once.
        """
        last, hears_more = self._last_decision, self._flight and self._flight.work.edit
        return (
            last is not None
            and self._strategy.takes_back
            and now_ms - last.at_ms < self.setup.decoding.continues_within_ms
            and self._utterance.is_empty
            and self._utterance.was_decided(segment_id)
            and not hears_more
        )

    def _reopen(self) -> None:
        assert self._last_decision is not None, "nothing was decided"
        self._utterance.reopen()
        if self._last_decision.state is State.NON_QUERY:
            self._engine_tokens = ()
            self._forget_last_utterance()
        else:
            self._reopens = True
            self._engine_tokens = self._last_decision.tokens
        self._last_decision = None

    def _forget_last_utterance(self) -> None:
        """It will stand in the transcript again, as a whole, when it is decided again."""
        while self.transcript and self.transcript.pop().role is not Role.USER:
            pass

    def _acknowledge(self, response_id: int, heard_chars: int) -> None:
        self._reports_playback = True
        if self._known(response_id) and self._response is not None:
            self._response.acknowledge(heard_chars)

    def _cancel(self, response_id: int | None) -> None:
        is_meant = response_id is None or self._known(response_id)
        self._cancels = is_meant and self.lane.phase is not ReplyPhase.NONE

    def _known(self, response_id: int) -> bool:
        """Whether this is the present response; an older one is over and can be left alone."""
        latest = self._response.response_id if self._response is not None else 0
        if not 1 <= response_id <= latest:
            raise InvalidInput(
                f"response_id {response_id} is not known; the latest response is {latest}"
            )
        return response_id == latest

    def _edit(self) -> TokenEdit | None:
        text = self._utterance.text
        if text == self._refused_text:
            return None
        edit = token_edit(self._engine_tokens, self.setup.tokenizer.encode(text))
        is_same = not edit.append and edit.keep == len(self._engine_tokens)
        return None if is_same else edit

    def _conclusion(self) -> EndReason | None:
        """Why the reply in the output channel is to end now, if it is."""
        if self.lane.phase is ReplyPhase.NONE or self._response is None:
            return None
        if self._cancels:
            return EndReason.CANCELLED
        if self._response.met_stop_string:
            return EndReason.STOP_STRING
        is_held = self.lane.phase is ReplyPhase.FINISHED
        return EndReason.STOP if is_held and self._response.is_heard else None

    def _depart(
        self, edit: TokenEdit | None, conclude: EndReason | None, patience: Patience, tick: int
    ) -> Slice:
        decoding = self.setup.decoding
        has_reply = self.lane.phase is not ReplyPhase.NONE and self._response is not None
        work = Slice(
            session_id=self.session_id,
            epoch=self.epoch,
            tick=tick,
            reopens=self._reopens,
            edit=edit,
            patience=patience,
            heard=self._response.heard if has_reply and self._response else None,
            conclude=conclude,
            holds_reply=self._reports_playback,
            reply_tokens=decoding.reply_tokens_per_slice,
            look_ahead_tokens=decoding.look_ahead_tokens,
        )
        tokens = self._engine_tokens
        if edit is not None:
            tokens = (*tokens[: edit.keep], *edit.append)
        self._flight = Flight(
            work=work,
            text=self._utterance.text,
            segments=self._utterance.snapshot(),
            segment_ids=self._utterance.segment_ids,
            tokens=tokens,
        )
        self._reopens = False
        return work

    def _settle(self, flight: Flight, state: State, now_ms: float) -> None:
        """The utterance was decided; what was said since then begins the next one."""
        self._utterance.decide(flight.segments)
        self._last_decision = Decision(state, now_ms, flight.tokens)
        self._engine_tokens = ()
        self._silence.reset()
        if not self._utterance.is_empty:
            self._silence.heard(now_ms)

    def _refuse(self, error: DuologueError, flight: Flight, now_ms: float) -> Sequence[ServerEvent]:
        """A slice ended early: say so, and ask again only when that can help."""
        if isinstance(error, InvalidInput):
            self._refused_text = flight.text
        else:
            self._retry_at_ms = now_ms + RETRY_AFTER_MS
        return [Error.of(error)]

    def _envelopes(self, events: Sequence[ServerEvent], tick: int) -> list[Envelope]:
        envelopes = []
        for event in events:
            self._num_events += 1
            envelopes.append(Envelope(self._num_events, tick, self.epoch, event))
        return envelopes
