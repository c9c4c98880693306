"""From the steps of a slice to the events that tell the client of them."""

from duologue.events import (
    ContextTrimmed,
    InputState,
    Interrupted,
    ResponseStarted,
    ServerEvent,
    StateReason,
)
from duologue.lane.judging import Judgement, JudgingPatience
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.slices import SliceResult
from duologue.lane.steps import (
    Begin,
    Conclude,
    EndReason,
    Finish,
    Hear,
    Ignore,
    Note,
    Promote,
    Reopen,
    Say,
    Step,
    Trim,
)
from duologue.session.floor import Floor
from duologue.session.hearing import Hearing
from duologue.session.noting import ContextNote
from duologue.session.playback import amend
from duologue.session.response import PauseReason, Response
from duologue.session.setup import SessionSetup
from duologue.session.state import Decision, Flight, SessionState
from duologue.session.stopping import StopStrings
from duologue.session.transcript import Outcome, Role
from duologue.states import State
from duologue.text.phrases import is_phrase


class StepInterpreter:
    """Applies the steps of one slice to the session's lane and state, and tells what they mean.

    What a reply said in the very slice in which a query cut it off is not shown: the user did not
    hear it. What the user had heard counts as the slice left: that is what it has done to the
    trunk.
    """

    def __init__(
        self,
        state: SessionState,
        setup: SessionSetup,
        lane: Lane,
        flight: Flight,
        now_ms: float,
    ) -> None:
        self._state = state
        self._setup = setup
        self._lane = lane
        self._flight = flight
        self._now_ms = now_ms
        self._floor = Floor(state, setup)
        self._conclude_asked = flight.work.conclude
        self._events: list[ServerEvent] = []
        self._cut_heard_chars = flight.heard_chars
        self._cut_for_good: Response | None = None
        self._notes: tuple[ContextNote, ...] = ()
        """What joined the trunk with the query."""

    def tell(self, result: SliceResult, hearing: Hearing) -> list[ServerEvent]:
        """The events of the slice, in order, but for what may be shown now of its reply."""
        is_void, self._state.is_flight_void = self._state.is_flight_void, False
        promotes = [n for n, step in enumerate(result.steps) if isinstance(step, Promote)]
        for number, step in enumerate(result.steps):
            is_cut = bool(promotes) and number < promotes[0]
            if not (is_cut and isinstance(step, Say | Finish)):
                self._tell_step(step)
            self._lane.apply(step)
        promoted = next((step for step in result.steps if isinstance(step, Promote)), None)
        if is_void:
            self._undo(promoted)
        elif result.judgement is not None:
            self._judged(result.judgement, hearing)
        elif self._flight.work.settles and result.error is None:
            self._settled_in_part()
        if self._has_to_hear_again(result):
            self._state.engine_tokens = ()
        return self._events

    # Steps.

    def _tell_step(self, step: Step) -> None:
        state, tokenizer = self._state, self._setup.tokenizer
        match step:
            case Hear():
                state.engine_tokens = self._flight.tokens
            case Say(tokens) if state.response is not None:
                state.response.push(tokens, tokenizer)
            case Finish(reason) if state.response is not None:
                state.response.finish(reason, tokenizer)
            case Conclude():
                self._conclude()
            case Note():
                self._note()
            case Begin(is_turn):
                self._begin(is_turn)
            case Promote():
                state.engine_tokens = ()
                self._promote(step)
            case Ignore():
                state.engine_tokens = ()
            case Reopen():
                self._withdraw()
            case Trim(turns):
                self._events.append(ContextTrimmed(turns))
            case _:
                pass

    def _promote(self, step: Promote) -> None:
        is_cut = self._lane.phase is not ReplyPhase.NONE
        cut = self._state.response if is_cut else None
        if cut is not None and self._lane.phase is ReplyPhase.PAUSED:
            self._cut_heard_chars = cut.num_shown_chars  # time division cannot take back
        notes = self._state.notes
        self._notes, notes[:] = tuple(notes[: len(step.notes)]), notes[len(step.notes) :]
        if step.answer:
            self._floor.begin(self._next_reply(), cut)
        else:
            self._cut_for_good = cut

    def _next_reply(self) -> Response:
        """An empty one; or the one that the caller began to say while this was being decided."""
        is_told = not self._setup.strategy.speaks
        if self._state.waiting and is_told:
            return self._state.waiting.pop(0)
        acked, stops = 0 if self._setup.reports_playback else None, self._flight.stop_strings
        calls = self._setup.new_call_text()
        return Response(StopStrings(stops), acked_chars=acked, is_told=is_told, calls=calls)

    def _note(self) -> None:
        """The model knows something."""
        self._state.enter_note(self._state.notes.pop(0))
        self._state.keep_decision()

    def _begin(self, is_turn: bool) -> None:
        """A reply that nobody asked for; the client knows already of one of its own."""
        state = self._state
        state.response = state.waiting.pop(0)
        if not state.response.response_id:
            state.num_responses += 1
            state.response.response_id = state.num_responses
            self._events.append(ResponseStarted(state.num_responses))
        if is_turn:
            state.keep_decision()

    def _withdraw(self) -> None:
        """The last query went on: what was answered to its beginning is taken back."""
        state, withdrawn, returning = self._state, self._state.response, self._state.cut
        reopening, state.reopening = state.reopening, None
        if reopening is not None:
            state.engine_tokens = reopening.tokens
            self._return_notes(reopening)
        if withdrawn is not None and self._lane.was_answered:
            state.usage = state.usage.discarding(withdrawn.num_unshown_tokens)
            if withdrawn.response_id:
                self._events.append(Interrupted(withdrawn.response_id, 0))
                self._events += self._floor.done(withdrawn, EndReason.INTERRUPTED)
        state.response, state.cut, state.amends = returning, None, False
        if returning is None:
            return
        if self._lane.aside is not None:
            returning.pause = returning.pause or PauseReason.INTERRUPTION
        elif reopening is not None and not reopening.is_confirmed:
            self._events += self._floor.end_cut(returning, reopening, self._now_ms)

    def _return_notes(self, reopening: Decision) -> None:
        """What joined the trunk behind a reply leaves it when that goes on, and waits again."""
        if self._lane.aside is not None:
            self._state.notes[:0] = reopening.notes
            return
        for note in reopening.notes:  # no such reply is there any more
            self._state.enter_note(note)

    def _conclude(self) -> None:
        """The reply is over: as the session asked, or because it was finished and is not held."""
        response, asked = self._state.response, self._conclude_asked
        assert response is not None
        self._conclude_asked = None
        if asked is None and not response.is_confirmed:
            return  # it began in this very slice, and is shown when that was decided
        if asked is EndReason.CANCELLED:
            response.end, response.pause = EndReason.CANCELLED, None
            response.text = response.shown_text
        self._events += self._floor.show(self._now_ms)
        self._events += self._floor.done(response, response.end or EndReason.STOP)
        if not response.response_id:
            self._state.usage = self._state.usage.discarding(response.num_tokens)
        elif self._state.reopening is None:  # otherwise it is about to be withdrawn
            shown_chars = response.num_shown_chars
            heard_chars = shown_chars if asked is None else self._flight.heard_chars
            is_whole = heard_chars >= shown_chars and asked is not EndReason.CANCELLED
            outcome = Outcome.COMPLETE if is_whole else Outcome.CUT
            self._floor.remember(response, heard_chars, outcome)

    # What was made of the utterance.

    def _judged(self, judgement: Judgement, hearing: Hearing) -> None:
        flight, silence = self._flight, self._state.silence
        is_go_on = self._lets_go_on(judgement.state)
        reason = StateReason.GO_ON if is_go_on else StateReason.JUDGED
        state = State.NON_QUERY if is_go_on else judgement.state  # its words leave no doubt
        self._events.append(
            InputState(
                state=state,
                probabilities=judgement.probabilities,
                text=flight.text,
                segment_ids=flight.segment_ids,
                look_ahead_tokens=judgement.look_ahead_tokens,
                reason=reason,
                is_foreign=silence.is_foreign(flight.text, self._setup),
            )
        )
        if state is State.INCOMPLETE:
            if self._state.utterance.heard_text == flight.text:
                silence.probabilities = judgement.probabilities
            return
        probability = judgement.probabilities.get(judgement.state, 1.0)
        decision = self._decided(state, reason, probability)
        if hearing.goes_on(decision):
            self._take_back(decision, hearing)
            return
        match state:
            case State.QUERY:
                if self._lane.aside is not None:  # a report may have come during the slice
                    amend(self._state, self._now_ms)
                self._events += self._floor.settle(decision, self._now_ms)
            case State.NON_QUERY:
                decision.place = self._enter(Outcome.IGNORED)
                self._events += self._floor.go_on(self._now_ms, asked=is_go_on)
            case State.HOLD:
                self._hold(decision)
                decision.place = self._enter(Outcome.HELD)

    def _lets_go_on(self, state: State) -> bool:
        """Whether the utterance lets a reply go on, or calls for silence and then takes that back
        by a last segment that says nothing else."""
        flight, phrases = self._flight, self._setup.listening.go_on_phrases
        if state not in (State.NON_QUERY, State.HOLD) or self._cut_for_good is not None:
            return False
        if self._floor.is_go_on(flight.text):
            return True
        last = {name: flight.segments[name] for name in flight.segment_ids[-1:]}
        return state is State.HOLD and is_phrase(self._state.utterance.text_at(last), phrases)

    def _hold(self, decision: Decision) -> None:
        """The reply waits; with a strategy that cannot let it wait, it is over."""
        if self._cut_for_good is not None:
            self._events += self._floor.end_cut(self._cut_for_good, decision, self._now_ms)
        elif self._lane.phase is not ReplyPhase.NONE:
            self._events += self._floor.pause(PauseReason.HOLD, self._now_ms)

    def _decided(self, state: State, reason: StateReason, probability: float) -> Decision:
        """Note that the utterance, as it was when the slice left, was decided."""
        flight, session = self._flight, self._state
        session.utterance.decide(flight.segments)
        session.engine_tokens = ()
        has_rest = not session.utterance.is_empty
        was_committed = session.silence.is_committed
        session.silence.note_language(flight.text, self._setup)
        session.silence.decided(has_rest=has_rest)
        is_over = flight.is_committed or (was_committed and not session.silence.is_committed)
        if has_rest:
            session.began_ms = session.silence.since_ms
        decision = Decision(
            state=state,
            reason=reason,
            text=flight.text,
            tokens=flight.tokens,
            at_ms=self._now_ms,
            text_ms=session.silence.since_ms,
            probability=probability,
            is_over=is_over,
            cut_heard_chars=self._cut_heard_chars,
            notes=self._notes,
        )
        session.decision = decision
        return decision

    def _take_back(self, decision: Decision, hearing: Hearing) -> None:
        """More was said while this was being decided: it was about a beginning."""
        if decision.state is State.QUERY:
            self._events += self._floor.hush()
        hearing.reopen()

    def _enter(self, outcome: Outcome) -> int:
        return self._state.enter(Role.USER, self._flight.text, outcome)

    def _settled_in_part(self) -> None:
        """Of an utterance that is too long to wait for its end, a part is in the trunk."""
        flight = self._flight
        event = InputState(
            State.INCOMPLETE,
            {},
            flight.text,
            flight.segment_ids,
            reason=StateReason.LENGTH,
            is_foreign=self._state.silence.is_foreign(flight.text, self._setup),
        )
        self._events.append(event)
        decision = self._decided(State.INCOMPLETE, StateReason.LENGTH, 0.0)
        decision.is_over = True
        if self._cut_for_good is not None:
            self._events += self._floor.end_cut(self._cut_for_good, decision, self._now_ms)
        decision.place = self._enter(Outcome.CONTINUED)

    def _undo(self, promoted: Promote | None) -> None:
        """The utterance was decided by its words in the meantime; take back what was made of it."""
        state, flight = self._state, self._flight
        if promoted is None:
            return
        state.reopening = Decision(
            state=State.QUERY,
            reason=StateReason.JUDGED,
            text=flight.text,
            tokens=flight.tokens,
            at_ms=self._now_ms,
            text_ms=state.silence.since_ms,
            cut_heard_chars=self._cut_heard_chars,
            notes=self._notes,
        )

    def _has_to_hear_again(self, result: SliceResult) -> bool:
        """Whether time division had to decide and has nothing left to read: it is to hear the
        utterance again as a whole."""
        had_to_decide = (
            self._flight.is_judging and self._flight.work.patience is JudgingPatience.OUT
        )
        is_settled = result.judgement is not None or self._flight.work.settles
        return had_to_decide and result.error is None and not is_settled


def cut_short(state: SessionState, setup: SessionSetup, now_ms: float) -> list[ServerEvent]:
    """At the end of the session: what stays of its reply, and what is told."""
    floor, response = Floor(state, setup), state.response
    if response is None or not response.response_id:
        return []
    events = floor.done(response, EndReason.CANCELLED)
    heard_chars = response.heard_chars(setup.floor, now_ms)
    is_whole = not events and response.is_over(setup.floor, now_ms)
    outcome = Outcome.COMPLETE if is_whole else Outcome.CUT
    floor.remember(response, heard_chars, outcome)
    return events
