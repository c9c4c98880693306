"""Slices: what a session wants of the engine, and how it asks for it."""

from collections.abc import Callable
from functools import cached_property

from duologue.lane.judging import JudgingPatience
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.slices import Heard, Slice, SliceResult
from duologue.lane.steps import EndReason, Hear, Say
from duologue.session.noting import ContextNote
from duologue.session.pace import Pace
from duologue.session.response import Response
from duologue.session.setup import SessionSetup
from duologue.session.state import Flight, SessionState
from duologue.session.telling import told_tokens
from duologue.states import State
from duologue.text.endings import Ending, ending_of
from duologue.text.phrases import is_foreign_backchannel
from duologue.text.token_edit import TokenEdit, token_edit
from duologue.usage import Usage


class Wants:
    """What a session wants of the engine as it stands. Changes nothing."""

    def __init__(
        self,
        state: SessionState,
        setup: SessionSetup,
        lane: Lane,
        encode: Callable[[str], tuple[int, ...]],
        now_ms: float,
    ) -> None:
        self.state = state
        self.setup = setup
        self.lane = lane
        self.now_ms = now_ms
        self._encode = encode

    def due_at_ms(
        self, now_ms: float, *, may_speak: bool = True, at_pace: bool = True
    ) -> float | None:
        """From when on there is something to ask for; None for never.

        Unless `at_pace`, a reply that goes on may do so at any time.
        """
        has_news = self.has_edit or self.conclude is not None or self.amends is not None
        if has_news or self.notes_now or (self.begins and (may_speak or self.is_told)):
            return now_ms
        spoken_ms = self._spoken_at_ms(now_ms, at_pace=at_pace) if may_speak else None
        dues = (spoken_ms, self._judged_at_ms(now_ms), self._concluded_at_ms())
        return min((ms for ms in dues if ms is not None), default=None)

    @cached_property
    def text(self) -> str:
        """The utterance, or its part that comes first."""
        return self.state.utterance.heard_text

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """Of the text."""
        return self._encode(self.text)

    @property
    def hears(self) -> bool:
        """Whether the user is listened to now."""
        return self.setup.strategy.listens_while_speaking or self.lane.phase is ReplyPhase.NONE

    @property
    def has_edit(self) -> bool:
        """Whether the engine knows another utterance."""
        state = self.state
        is_other = self.tokens != state.known_tokens or state.reopening is not None
        return self.hears and (is_other or bool(state.utterance.parts))

    @property
    def edit(self) -> TokenEdit | None:
        """What the engine is to be told of the utterance."""
        known = self.state.known_tokens
        is_same = self.tokens == known
        return token_edit(known, self.tokens) if self.hears and not is_same else None

    @property
    def reply(self) -> Response | None:
        """The reply in the output channel, once what is to be taken back was taken back."""
        if self.state.reopening is not None:
            return self.state.cut if self.lane.aside is not None else None
        if self.begins:
            return self.state.waiting[0]
        return self.state.response if self.lane.phase is not ReplyPhase.NONE else None

    @property
    def goes_on(self) -> bool:
        """Whether there is more to say of a reply: also of one that time division interrupted."""
        reply = self.reply if self.state.reopening is None else None
        is_under_way = self.begins or self.lane.phase in (ReplyPhase.SPEAKING, ReplyPhase.PAUSED)
        if reply is None or not is_under_way or reply.end is not None or reply.is_cancelled:
            return False
        if reply.is_told:
            return False
        return reply.pause is None and self._num_held_back > 0

    @property
    def begins(self) -> bool:
        """Whether a reply that nobody asked for is to begin: behind one that is still there."""
        is_free = self.lane.phase is ReplyPhase.NONE and self.state.reopening is None
        may_begin = is_free and (self.is_told or not self._is_held)
        return may_begin and bool(self.state.waiting)

    @property
    def is_told(self) -> bool:
        """Whether the caller says the replies."""
        return not self.setup.strategy.speaks

    @property
    def _is_held(self) -> bool:
        """Whether there is a query that waits for its confirmation, and may be taken back."""
        decision = self.state.decision
        is_query = decision is not None and decision.state is State.QUERY
        return is_query and decision is not None and not decision.is_confirmed

    @property
    def num_reply_tokens(self) -> int:
        """How much the reply may say in a slice that leaves now: what its pace allows, and one that
        is held back no more than its limit."""
        reply = self.reply
        if reply is None or not self.goes_on:
            return 0
        if reply.is_calling:  # which nobody has to hear
            return self._num_held_back
        num_due = self._pace.num_due(reply.num_tokens, reply.last_heard, self.now_ms)
        return min(num_due, self._num_held_back)

    @property
    def conclude(self) -> EndReason | None:
        """Why the reply in the output channel is to end now, if it is."""
        reply = self.reply
        if reply is None or self.state.reopening is not None:
            return None
        if reply.is_cancelled:
            return EndReason.CANCELLED
        if reply.pause is not None or not reply.is_over(self.setup.floor, self.now_ms):
            return None
        return EndReason.STOP_STRING if reply.stops.is_met else EndReason.STOP

    @property
    def amends(self) -> Heard | None:
        """What was heard of the reply that was cut, if the engine believes something else."""
        state, cut = self.state, self.state.cut
        decision = state.decision
        if not state.amends or cut is None or decision is None or self.lane.aside is None:
            return None
        if state.reopening is not None:
            return None
        return self.heard(cut, decision.cut_heard_chars)

    @property
    def notes_now(self) -> tuple[ContextNote, ...]:
        """What is to join the conversation at once: no reply is there that it would move, and no
        query that may be taken back."""
        is_free = self.lane.phase is ReplyPhase.NONE and self.state.reopening is None
        return tuple(self.state.notes) if is_free and not self._is_held else ()

    @property
    def notes(self) -> tuple[ContextNote, ...]:
        """The same; and where an utterance is judged, what is to be known to the reply that it may
        get. What came with a decision that is taken back comes again."""
        state, reopening = self.state, self.state.reopening
        if reopening is not None:
            returning = reopening.notes if self.lane.aside is not None else ()
            return (*returning, *state.notes)
        is_cut = self.lane.phase is not ReplyPhase.NONE and self.patience() is not None
        return tuple(state.notes) if is_cut else self.notes_now

    def heard(self, reply: Response, heard_chars: int) -> Heard:
        """So many characters of a reply in tokens, for the trunk to keep."""
        if not reply.is_told:
            return reply.heard(heard_chars, self.setup.tokenizer)
        most = self.setup.max_told_tokens(self.lane.num_opening_tokens)
        return Heard(0, told_tokens(reply.text[:heard_chars], self.setup.tokenizer, most))

    @property
    def heard_chars(self) -> int:
        """Of the reply in the output channel."""
        reply = self.reply
        return reply.heard_chars(self.setup.floor, self.now_ms) if reply is not None else 0

    @property
    def keeps(self) -> bool:
        """Whether the utterance is not to be dropped: it is dictated to an assistant that is
        silent, or it is foreign, and no sign of listening to one that speaks."""
        is_awaited = self.state.response is not None and self.state.response.is_awaited
        is_silent = self.lane.phase is ReplyPhase.NONE or is_awaited
        is_silent = is_silent and self.state.reopening is None
        if is_silent and ending_of(self.text) is Ending.DICTATION:
            return True
        if not self.state.silence.is_foreign(self.text, self.setup):
            return False
        return is_silent or not is_foreign_backchannel(self.text)

    def patience(self) -> JudgingPatience | None:
        """With which the utterance is to be judged now, if it is."""
        if self.state.utterance.parts or not self.tokens or not self.hears:
            return None
        due_ms = self._judged_at_ms(self.now_ms)
        is_due = due_ms is not None and due_ms <= self.now_ms
        if not self.has_edit and not is_due:
            return None
        return self.state.silence.patience(self.text, self.setup, self.now_ms)

    @cached_property
    def _pace(self) -> Pace:
        return Pace.of(self.setup.decoding)

    @property
    def _num_held_back(self) -> int:
        """Tokens that a slice may add to the reply, as far as the floor is concerned."""
        most, reply = self.setup.decoding.reply_tokens_per_slice, self.reply
        if reply is None or reply.is_confirmed:
            return most
        return max(0, min(most, self.setup.floor.held_reply_tokens - reply.num_tokens))

    def _spoken_at_ms(self, now_ms: float, *, at_pace: bool) -> float | None:
        """When the reply is to go on."""
        reply = self.reply
        if reply is None or not self.goes_on:
            return None
        if reply.is_calling or not at_pace:
            return now_ms
        return self._pace.due_at_ms(reply.num_tokens, reply.last_heard, now_ms)

    def _judged_at_ms(self, now_ms: float) -> float | None:
        """When silence is to be judged."""
        if not self.hears or not self.state.known_tokens or not self.tokens:
            return None
        return self.state.silence.due_at_ms(self.text, self.setup, now_ms)

    def _concluded_at_ms(self) -> float | None:
        """When a reply counts as heard of which nothing is reported any more."""
        reply = self.reply
        if reply is None or not reply.is_shown_whole or reply.pause is not None:
            return None
        return reply.heard_at_ms(self.setup.floor) if reply.is_done else None


def depart(wants: Wants, session_id: str, epoch: int, tick: int, now_ms: float) -> Flight:
    """A slice leaves, with all that is wanted."""
    state, setup, reply = wants.state, wants.setup, wants.reply
    if wants.begins and reply is not None and reply.instructions is not None:
        state.notes.append(reply.instructions)
        reply.instructions = None
    patience, conclude, heard_chars = wants.patience(), wants.conclude, wants.heard_chars
    may_cut = patience is not None or conclude is not None or bool(state.utterance.parts)
    num_reply_tokens = wants.num_reply_tokens
    has_stops = bool(setup.stop_strings) or (reply is not None and bool(reply.stops.strings))
    work = Slice(
        session_id=session_id,
        epoch=epoch,
        tick=tick,
        reopens=state.reopening is not None,
        amends=wants.amends,
        begins=wants.begins,
        edit=wants.edit,
        patience=patience or JudgingPatience.NORMAL,
        heard=wants.heard(reply, heard_chars) if reply and may_cut else None,
        conclude=conclude,
        # A stop string may end a reply before its last tokens: only the session can tell.
        holds_reply=setup.reports_playback or has_stops or setup.holds_replies or bool(setup.tools),
        sets_aside=setup.strategy.takes_back,
        pauses=not num_reply_tokens,
        settles=bool(state.utterance.parts),
        keeps=wants.keeps,
        was_query=state.silence.was_query,
        returns_early=setup.decoding.reply_tokens_per_second > 0,
        reply_tokens=num_reply_tokens or setup.decoding.reply_tokens_per_slice,
        look_ahead_tokens=setup.decoding.look_ahead_tokens,
        notes=tuple(note.step for note in wants.notes),
        given=reply.given[reply.num_given :] if reply and num_reply_tokens else (),
    )
    state.amends = False
    if patience is not None:
        state.silence.judged = patience
    return Flight(
        work=work,
        is_judging=patience is not None,
        text=wants.text,
        segments=state.utterance.snapshot(),
        segment_ids=state.utterance.segment_ids,
        tokens=wants.tokens,
        is_committed=state.silence.is_committed,
        heard_chars=heard_chars,
        stop_strings=setup.stop_strings,
    )


def usage_of(result: SliceResult) -> Usage:
    """What one slice has used."""
    heard = sum(len(step.append) for step in result.steps if isinstance(step, Hear))
    said = sum(len(step.tokens) for step in result.steps if isinstance(step, Say))
    return Usage(input_tokens=heard, output_tokens=said, slices=1)
