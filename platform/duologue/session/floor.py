"""The floor: when a reply is shown, falls silent, goes on, or is cut for good."""

from duologue.events import (
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
    StateReason,
)
from duologue.lane.steps import EndReason, Promotion
from duologue.session.calling import may_send, send_calls
from duologue.session.own_echo import OwnEcho
from duologue.session.response import PauseReason, Response
from duologue.session.setup import SessionSetup
from duologue.session.state import Decision, SessionState
from duologue.session.transcript import Outcome, Role
from duologue.states import State
from duologue.text.phrases import is_phrase


class Floor:
    """Changes the state by what was decided and by the time that passed; returns what is told.

    Has no state of its own.
    """

    def __init__(self, state: SessionState, setup: SessionSetup) -> None:
        self._state = state
        self._setup = setup
        self._echo = OwnEcho(state, setup)

    # When something is due.

    def due_at_ms(self, now_ms: float) -> float | None:
        """When time alone brings something, if nothing else happens until then; None for never."""
        if self._state.is_judging:
            return None  # its result will tell
        dues = (
            self._resumes_at_ms(now_ms),
            self._confirms_at_ms(),
            self._goes_on_at_ms(),
            self._dropped_at_ms(now_ms),
        )
        return min((ms for ms in dues if ms is not None), default=None)

    def follow_up(self, now_ms: float) -> list[ServerEvent]:
        """Do what is due, and show what may be shown."""
        events: list[ServerEvent] = []
        if not self._state.is_judging:
            if _is_due(self._goes_on_at_ms(), now_ms):
                events += self._go_on(now_ms)
            if _is_due(self._confirms_at_ms(), now_ms):
                events += self.confirm(now_ms)
            if _is_due(self._resumes_at_ms(now_ms), now_ms):
                events += self._resume(now_ms)
            if _is_due(self._dropped_at_ms(now_ms), now_ms):
                events += self.decide_by_words(StateReason.SILENCE, now_ms)
        return events + self.show(now_ms)

    # What was decided.

    def begin(self, response: Response, cut: Response | None) -> None:
        """A reply begins in the output channel; what was there is set aside, or gone."""
        self._state.response, self._state.cut = response, cut

    def settle(self, decision: Decision, now_ms: float) -> list[ServerEvent]:
        """A query was decided: show its reply, or hold it back until that is confirmed.

        A reply that it cuts falls silent at once, unless these may be its own words: then only when
        no more of them come.
        """
        self._state.decision = decision
        if self._may_be_echo(decision, now_ms):
            return []
        if self._needs_no_confirmation(decision):
            return self.confirm(now_ms)
        return self.hush()

    def hush(self) -> list[ServerEvent]:
        """The reply that is cut falls silent, as long as it is not sure that it is."""
        cut = self._state.cut
        if cut is None or cut.pause is not None:
            return []
        cut.pause = PauseReason.INTERRUPTION
        return [ResponsePaused(cut.response_id)] if cut.response_id else []

    def confirm(self, now_ms: float) -> list[ServerEvent]:
        """The last decision stands: a reply that it cuts is over, and its own may be shown."""
        state, decision = self._state, self._state.decision
        assert decision is not None, "nothing was decided"
        assert not decision.is_confirmed, decision
        decision.place = state.num_entries
        events = [] if state.cut is None else self.end_cut(state.cut, decision, now_ms)
        for note in decision.notes:
            state.enter_note(note)
        state.enter(Role.USER, decision.text, Outcome.ANSWERED)
        if state.response is not None:
            state.response.is_confirmed = True
        return events

    def confirm_if_held(self, now_ms: float) -> list[ServerEvent]:
        """A query that still waits for its confirmation stands: what follows is no part of it."""
        decision = self._state.decision
        if decision is None or decision.state is not State.QUERY or decision.is_confirmed:
            return []
        return self.confirm(now_ms)

    def end_cut(self, cut: Response, decision: Decision, now_ms: float) -> list[ServerEvent]:
        """A reply is over that was cut when so much of it had been heard."""
        state, policy = self._state, self._setup.profile.promotion
        if not cut.response_id:
            state.usage = state.usage.discarding(cut.num_tokens)
            return []
        heard_chars = min(decision.cut_heard_chars, cut.num_shown_chars)
        if cut.is_done and cut.is_shown_whole and heard_chars == cut.num_shown_chars:
            self.remember(cut, heard_chars, Outcome.COMPLETE)
            return []
        is_forgotten = policy is Promotion.BRANCH
        events: list[ServerEvent] = []
        if cut.cut_chars is None:  # otherwise it was told already, and did not go on since
            events.append(Interrupted(cut.response_id, 0 if is_forgotten else heard_chars))
        cut.cut_chars, cut.pause = heard_chars, None
        events += self.done(cut, EndReason.INTERRUPTED)
        outcome = Outcome.FORGOTTEN if is_forgotten else Outcome.CUT
        self.remember(cut, heard_chars, outcome)
        return events

    def pause(self, reason: PauseReason, now_ms: float) -> list[ServerEvent]:
        """The reply in the output channel falls silent, unless it is over."""
        response = self._state.response
        if response is None or response.is_over(self._setup.floor, now_ms):
            return []
        was_silent, response.pause = response.pause is not None, reason
        is_told = bool(response.response_id) and not was_silent
        return [ResponsePaused(response.response_id)] if is_told else []

    def go_on(self, now_ms: float, *, asked: bool = False) -> list[ServerEvent]:
        """What the user said is no reason for the reply to be silent: say that it goes on.

        One that waits until the user lets it go on does so when it is `asked` to.
        """
        response = self._state.response
        if response is None or not response.response_id:
            return []
        if response.pause is PauseReason.INTERRUPTION or (response.pause is not None and asked):
            return self._resume(now_ms)
        if response.pause is not None or response.cut_chars is not None or response.is_awaited:
            return []
        if response.is_over(self._setup.floor, now_ms):
            return []
        return [ResponseResumed(response.response_id, response.num_shown_chars)]

    # What is told of a reply.

    def show(self, now_ms: float) -> list[ServerEvent]:
        """What of the reply may be shown and was not yet."""
        state, response = self._state, self._state.response
        if response is None or not response.may_be_shown:
            return []
        events: list[ServerEvent] = []
        more = response.show(now_ms)
        begins = bool(more) or response.end is not None or response.is_told
        if begins and not response.response_id:
            state.num_responses += 1
            response.response_id = state.num_responses
            events.append(ResponseStarted(response.response_id))
        if more and not response.is_told:
            events.append(ResponseDelta(response.response_id, more))
        if response.end is not None and may_send(response, state):
            events += send_calls(response, state, self._setup)
            events += self.done(response, response.end)
            if self._is_complete(response, now_ms):
                self.remember(response, len(response.text), Outcome.COMPLETE)
        return events

    def _is_complete(self, response: Response, now_ms: float) -> bool:
        """Whether it was given to its end and heard, and nothing under way can change that."""
        is_changing = response.is_cancelled or self._state.reopening is not None
        if is_changing or self._state.is_judging or response.end is EndReason.CANCELLED:
            return False
        return response.is_over(self._setup.floor, now_ms)

    def done(self, response: Response, reason: EndReason) -> list[ServerEvent]:
        """Tell once that no more text follows."""
        if response.is_done or not response.response_id:
            return []
        response.is_done = True
        return [ResponseDone(response.response_id, reason)]

    def remember(self, response: Response, heard_chars: int, outcome: Outcome) -> None:
        """A reply stands in the transcript, once, as far as it was heard."""
        was_said = bool(response.text) or not (response.is_told or response.is_calling)
        if response.place is None and was_said:
            text, state = response.text[:heard_chars], self._state
            response.place = state.enter(Role.ASSISTANT, text, outcome, response.response_id)

    # What the time brings.

    def _may_be_echo(self, decision: Decision, now_ms: float) -> bool:
        if not self._setup.holds_replies or decision.is_over:
            return False
        return self._echo.is_possible(decision.text, now_ms)

    def _needs_no_confirmation(self, decision: Decision) -> bool:
        response = self._state.response
        if not self._setup.holds_replies or decision.is_over:
            return True
        if response is not None and response.response_id:
            return True  # its caller says it already
        if self.is_go_on(decision.text):
            return False
        return decision.probability >= self._setup.floor.sure_above

    def _confirms_at_ms(self) -> float | None:
        decision, silence = self._state.decision, self._state.silence
        if decision is None or decision.state is not State.QUERY or decision.is_confirmed:
            return None
        if not self._state.utterance.is_empty:
            return None  # more was said: the decision is about to be taken back
        if decision.is_over or not self._setup.holds_replies:
            return 0.0
        return silence.confirms_at_ms(decision.text, self._setup, decision.probability)

    def _resumes_at_ms(self, now_ms: float) -> float | None:
        """When a reply goes on that fell silent for an utterance of which nothing came."""
        state = self._state
        is_waiting = state.response is not None and state.response.pause is PauseReason.INTERRUPTION
        if not is_waiting or state.reopening is not None:
            return None
        if state.utterance.is_empty and not state.engine_tokens:
            return now_ms
        return state.silence.since_ms + self._setup.decoding.reconsider_after_ms

    def _dropped_at_ms(self, now_ms: float) -> float | None:
        """When an utterance leaves that nobody finished, while the reply went on over it."""
        state = self._state
        if state.utterance.is_empty or not self.drops_unfinished(now_ms):
            return None
        return state.silence.left_at_ms(state.utterance.text, self._setup)

    def drops_unfinished(self, now_ms: float) -> bool:
        """Whether an utterance that nobody finishes is to leave: the reply goes on over it."""
        state, response = self._state, self._state.response
        if response is None or not response.may_be_shown or response.is_awaited:
            return False
        if state.utterance.parts:
            return False
        if state.silence.is_committed or not self._setup.strategy.takes_back:
            return False
        return not response.is_over(self._setup.floor, now_ms)

    def _resume(self, now_ms: float) -> list[ServerEvent]:
        response = self._state.response
        assert response is not None
        response.resume(self._setup.floor, now_ms)
        if not response.response_id:
            return []
        return [ResponseResumed(response.response_id, response.num_shown_chars)]

    # "Go on."

    @property
    def _waiting(self) -> Response | None:
        """The reply that would go on if the user said so."""
        state, decision = self._state, self._state.decision
        if state.cut is not None and decision is not None and not decision.is_confirmed:
            return state.cut
        is_silent = state.response is not None and state.response.pause is not None
        return state.response if is_silent else None

    def is_go_on(self, text: str) -> bool:
        """Whether the text says that a reply which waits is to go on."""
        phrases = self._setup.listening.go_on_phrases
        return self._waiting is not None and is_phrase(text, phrases)

    def _goes_on_at_ms(self) -> float | None:
        """When "go on" is taken for what it says: as soon as nothing more seems to follow."""
        state, decision = self._state, self._state.decision
        if state.reopening is not None or self._waiting is None:
            return None
        if not state.utterance.is_empty:
            text, is_over = state.utterance.text, state.silence.is_committed
        elif decision is not None and decision.state is State.QUERY and not decision.is_confirmed:
            text, is_over = decision.text, decision.is_over
        else:
            return None
        if not self.is_go_on(text):
            return None
        return 0.0 if is_over else state.silence.confirms_at_ms(text, self._setup)

    def _go_on(self, now_ms: float) -> list[ServerEvent]:
        state, waiting = self._state, self._waiting
        assert waiting is not None
        waiting.pause = PauseReason.INTERRUPTION  # which ends as soon as the engine knows
        if not state.utterance.is_empty:
            return self.decide_by_words(StateReason.GO_ON, now_ms)
        decision = state.decision
        assert decision is not None
        state.reopening = decision
        return self._tell(StateReason.GO_ON, decision.text, (), decision.tokens, now_ms)

    def decide_by_words(self, reason: StateReason, now_ms: float) -> list[ServerEvent]:
        """The utterance's words say that it wants no answer: it leaves."""
        state = self._state
        events = self.confirm_if_held(now_ms)
        text, ids = state.utterance.text, state.utterance.segment_ids
        state.is_flight_void = state.is_judging
        state.utterance.settle_as_decided()
        return events + self._tell(reason, text, ids, state.known_tokens, now_ms)

    def _tell(
        self,
        reason: StateReason,
        text: str,
        segment_ids: tuple[str, ...],
        tokens: tuple[int, ...],
        now_ms: float,
    ) -> list[ServerEvent]:
        state = self._state
        made = Decision(State.NON_QUERY, reason, text, tokens, now_ms, state.silence.since_ms)
        state.silence.decided(has_rest=False)
        made.place = state.enter(Role.USER, text, Outcome.IGNORED)
        state.decision = made
        is_foreign = state.silence.is_foreign(text, self._setup)
        return [InputState(State.NON_QUERY, {}, text, segment_ids, 0, reason, is_foreign)]


def _is_due(at_ms: float | None, now_ms: float) -> bool:
    return at_ms is not None and at_ms <= now_ms
