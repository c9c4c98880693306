"""Hearing: what the client's text does to a session, before any model reads it."""

from collections.abc import Callable, Sequence

from duologue.events import InputAppend, InputRevise, ServerEvent, StateReason
from duologue.session.floor import Floor
from duologue.session.own_echo import OwnEcho
from duologue.session.response import PauseReason, Response
from duologue.session.setup import SessionSetup
from duologue.session.state import Decision, SessionState
from duologue.session.transcript import Role
from duologue.states import State
from duologue.text.continuing import sounds_continued
from duologue.text.endings import Ending, ending_of
from duologue.text.joining import join
from duologue.text.phrases import begins_like_phrase, is_backchannel
from duologue.text.sameness import says_the_same

_OPEN = (Ending.OPEN, Ending.DICTATION)


class Hearing:
    """Takes text for the utterance, and says what belongs to it: whether it goes on with what was
    decided, corrects it, or is the assistant's own echo. Has no state of its own."""

    def __init__(
        self,
        state: SessionState,
        setup: SessionSetup,
        floor: Floor,
        encode: Callable[[str], Sequence[int]],
        max_part_tokens: int,
    ) -> None:
        self._state = state
        self._setup = setup
        self._floor = floor
        self._echo = OwnEcho(state, setup)
        self._encode = encode
        self._max_part_tokens = max_part_tokens

    def take(self, event: InputAppend | InputRevise, now_ms: float) -> list[ServerEvent]:
        """Text for a segment. Raises InvalidInput and CapacityExceeded, changing nothing."""
        utterance = self._state.utterance
        if self._is_left_behind(event, now_ms):
            left = self._floor.decide_by_words(StateReason.SILENCE, now_ms)
            return [*left, *self.take(event, now_ms)]
        before, corrects = utterance.text, self._is_late(event, now_ms)
        if corrects and self._corrected(event):
            return []
        match event:
            case InputAppend(segment_id, text, is_final):
                utterance.append(segment_id, text, is_final)
            case InputRevise(segment_id, text, is_final):
                utterance.revise(segment_id, text, is_final)
        if utterance.text == before:
            if event.is_final:
                self._state.silence.segment_ended()
            return []
        if not before:
            self._state.began_ms = now_ms
        self._state.silence.heard(utterance.text, now_ms, is_final=event.is_final)
        self._part(event.segment_id)
        if corrects and self._can_reopen and not self._only_adds(event):
            self.reopen()
        return self.consider(now_ms)

    def consider(self, now_ms: float) -> list[ServerEvent]:
        """Whether the utterance as it stands belongs to the last decision, or is an echo."""
        state = self._state
        if state.utterance.is_empty:
            return []
        events: list[ServerEvent] = []
        if self._continues(now_ms) or self._continues_echo(now_ms):
            self.reopen()
        elif self._can_reopen:
            events += self._floor.confirm_if_held(now_ms)
        if self._echo.is_sure(state.utterance.text, now_ms):
            events += self._floor.decide_by_words(StateReason.ECHO, now_ms)
        return events

    def reopen(self) -> None:
        """Take the last decision back: its text and what followed it are one utterance."""
        state, decision = self._state, self._state.decision
        assert decision is not None, "nothing was decided"
        state.decision = None
        state.utterance.reopen()
        state.silence.went_on(state.utterance.text, decision.text, decision.text_ms)
        state.strike(decision)
        if decision.state is State.QUERY:
            state.reopening = decision
            state.silence.was_query = state.cut is None
        elif decision.state is State.HOLD and state.response is not None:
            self._doubt_hold(state.response)

    def _doubt_hold(self, response: Response) -> None:
        """More was said than "hold on": the reply waits only until it is clear what."""
        if response.pause is PauseReason.HOLD:
            response.pause = PauseReason.INTERRUPTION

    def goes_on(self, decision: Decision) -> bool:
        """Whether text that came while this was being decided belongs to it."""
        utterance = self._state.utterance
        if utterance.is_empty or decision.is_over or not self._setup.strategy.takes_back:
            return False
        is_same_segment = any(map(utterance.was_decided, utterance.segment_ids))
        if self._setup.decoding.continues_within_ms == 0 or self._may_let_go_on(decision):
            return False
        return is_same_segment or (decision.state is State.QUERY and self._setup.holds_replies)

    def _is_left_behind(self, event: InputAppend | InputRevise, now_ms: float) -> bool:
        """Whether what was said over a reply, and nobody went on with, is no part of this text."""
        state, decoding = self._state, self._setup.decoding
        is_pause = now_ms - state.silence.since_ms >= decoding.decide_after_ms
        is_new = event.segment_id not in state.utterance.segment_ids
        if state.utterance.is_empty or not is_pause or not is_new:
            return False
        is_open = ending_of(state.utterance.text) in _OPEN
        return not is_open and self._floor.drops_unfinished(now_ms)

    # What belongs to the last decision.

    @property
    def _can_reopen(self) -> bool:
        """Whether the last decision can be taken back now: nothing else is being heard of."""
        state = self._state
        work = state.flight.work if state.flight is not None else None
        hears_more = work is not None and (work.edit is not None or work.begins or work.notes)
        takes_back = self._setup.strategy.takes_back
        return takes_back and state.decision is not None and not hears_more

    def _continues(self, now_ms: float) -> bool:
        """Whether the utterance goes on with what was decided last."""
        state, decision = self._state, self._state.decision
        within_ms = self._setup.decoding.continues_within_ms
        if decision is None or not self._can_reopen or decision.is_over or within_ms == 0:
            return False
        if decision.reason in (StateReason.ECHO, StateReason.SILENCE, StateReason.LENGTH):
            return False
        if self._may_let_go_on(decision):
            return False
        utterance = state.utterance
        is_same_segment = any(map(utterance.was_decided, utterance.segment_ids))
        is_held = decision.state is State.QUERY and not decision.is_confirmed
        if is_same_segment and (is_held or state.began_ms - decision.at_ms < within_ms):
            return is_held or not self._is_answer_to(decision)
        if self._is_answer_to(decision):
            return False
        if is_held:
            return not self._echo.is_likely(utterance.text, now_ms)
        may_wait = self._setup.holds_replies or decision.state is State.HOLD
        is_rest = may_wait and self._is_the_rest(decision, within_ms)
        return is_rest and not self._echo.is_likely(utterance.text, now_ms)

    def _is_answer_to(self, decision: Decision) -> bool:
        """Whether the user only shows that they listen: to what is said to their query, or that the
        assistant keeps silent as they asked."""
        is_followed = decision.state in (State.QUERY, State.HOLD)
        return is_followed and is_backchannel(self._state.utterance.text)

    def _may_let_go_on(self, decision: Decision) -> bool:
        """Whether what follows a call for silence is "go on", or may become it: however soon it
        comes, it is no part of the call."""
        phrases = self._setup.listening.go_on_phrases
        is_hold = decision.state is State.HOLD
        return is_hold and begins_like_phrase(self._state.utterance.text, phrases)

    def _is_the_rest(self, decision: Decision, within_ms: float) -> bool:
        """Whether text in another segment goes on with what was decided: it comes in the same
        breath, or behind what sounded open, or it sounds like the rest of a request."""
        state, listening = self._state, self._setup.listening
        gap_ms = state.began_ms - decision.text_ms
        # A word's text is there when the word was said: the silence was a word shorter.
        silent_ms = gap_ms - state.silence.word_gap_ms
        if ending_of(decision.text) in _OPEN:
            return silent_ms < max(within_ms, listening.dictation_after_ms)
        if decision.state is State.NON_QUERY:
            return False
        if decision.state is State.HOLD:  # after which nobody has anything to answer at once
            return gap_ms < min(within_ms, self._setup.floor.confirm_after_ms)
        if gap_ms < min(within_ms, state.silence.pace_pause_ms(self._setup)):
            return True
        is_over = state.silence.is_segment_over
        return silent_ms < within_ms and sounds_continued(state.utterance.text, is_over=is_over)

    def _is_late(self, event: InputAppend | InputRevise, now_ms: float) -> bool:
        """Whether this is another text for what was decided."""
        state, decision = self._state, self._state.decision
        segment = state.utterance.segments.get(event.segment_id)
        return (
            isinstance(event, InputRevise)
            and decision is not None
            and now_ms - decision.at_ms < self._setup.listening.late_text_ms
            and state.utterance.was_decided(event.segment_id)
            and segment is not None
            and not segment.active
            and not segment.is_final
        )

    def _only_adds(self, event: InputAppend | InputRevise) -> bool:
        """Whether another text for a segment keeps what was decided of it, and goes on."""
        segment = self._state.utterance.segments[event.segment_id]
        return segment.active != segment.text

    def _corrected(self, event: InputAppend | InputRevise) -> bool:
        """Take a late text that says the same; it stands in the transcript."""
        state, decision = self._state, self._state.decision
        assert decision is not None
        segment = state.utterance.segments[event.segment_id]
        if not says_the_same(segment.decided, event.text):
            return False
        state.utterance.correct(event.segment_id, event.text, event.is_final)
        decision.text = state.utterance.last_text or decision.text
        if decision.place is not None:
            state.rewrite(decision.place, Role.USER, decision.text)
        if event.is_final:
            state.silence.segment_ended()
        return True

    # Its own echo.

    def _continues_echo(self, now_ms: float) -> bool:
        """Whether the utterance goes on with an echo that left already."""
        decision, utterance = self._state.decision, self._state.utterance
        if decision is None or decision.reason is not StateReason.ECHO or not self._can_reopen:
            return False
        return self._echo.is_sure(join(decision.text, utterance.text), now_ms)

    # Utterances beyond the limit.

    def _part(self, segment_id: str) -> None:
        """Close a part where the model could not hold the whole beside the conversation."""
        utterance, limit = self._state.utterance, self._max_part_tokens
        num_tokens = len(self._encode(utterance.heard_text))
        if num_tokens > limit:
            max_chars = max(1, len(utterance.heard_text) * limit // num_tokens)
            utterance.part(segment_id, max_chars)
