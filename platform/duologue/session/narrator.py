"""From the steps of a slice to the events that tell the client of them."""

from collections.abc import Callable

from duologue.events import (
    ContextTrimmed,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
)
from duologue.lane.lane import Lane, ReplyPhase
from duologue.lane.slices import SliceResult
from duologue.lane.steps import (
    Conclude,
    EndReason,
    Finish,
    Promote,
    Promotion,
    Reopen,
    Say,
    Step,
    Trim,
)
from duologue.session.flight import Flight
from duologue.session.response import Response
from duologue.session.transcript import Entry, Outcome, Role
from duologue.states import State


class Narrator:
    """Applies the steps of one slice to the session's lane and tells what they mean.

    What a reply said in the very slice in which a query cut it off is never told: the user did not
    hear it, and it did not stay. What the user had heard counts as the slice left: that is what it
    has done to the trunk.
    """

    def __init__(
        self,
        lane: Lane,
        response: Response | None,
        flight: Flight,
        *,
        reports_playback: bool = False,
    ) -> None:
        self.response = response
        self.entries: list[Entry] = []
        self.is_withdrawn = False
        """Whether the last utterance, and what answered it, left the transcript."""
        self._lane = lane
        self._flight = flight
        self._reports_playback = reports_playback
        self._conclude_asked = flight.work.conclude
        self._events: list[ServerEvent] = []
        self._said: list[int] = []

    def tell(self, result: SliceResult) -> list[ServerEvent]:
        """The events of the slice, in order."""
        promoted = next((n for n, s in enumerate(result.steps) if isinstance(s, Promote)), None)
        for number, step in enumerate(result.steps):
            is_unheard = promoted is not None and number < promoted
            self._tell_step(step, result, is_unheard)
        self._show_said(lambda response, tokens: response.push(tokens))
        self._tell_judgement(result)
        return self._events

    def _tell_step(self, step: Step, result: SliceResult, is_unheard: bool) -> None:
        match step:
            case Say(tokens):
                if not is_unheard:
                    self._said.extend(tokens)
            case Finish(reason):
                if not is_unheard:
                    self._finish(reason)
            case Conclude():
                self._conclude()
            case Promote():
                self._tell_judgement(result)
                self._promote(step)
            case Reopen():
                self._withdraw()
            case Trim(turns):
                self._events.append(ContextTrimmed(turns))
            case _:
                pass
        self._lane.apply(step)

    def _tell_judgement(self, result: SliceResult) -> None:
        """Tell once what was read of the utterance, before what follows from it."""
        judgement, text = result.judgement, self._flight.text
        if judgement is None or any(isinstance(event, InputState) for event in self._events):
            return
        self._events.append(
            InputState(
                state=judgement.state,
                probabilities=judgement.probabilities,
                text=text,
                segment_ids=self._flight.segment_ids,
                look_ahead_tokens=judgement.look_ahead_tokens,
            )
        )
        if judgement.state is State.NON_QUERY:
            self.entries.append(Entry(Role.USER, text, Outcome.IGNORED))
            if self.response is not None and self._goes_on(self.response):
                self._events.append(ResponseResumed(self.response.response_id))

    def _goes_on(self, response: Response) -> bool:
        """Whether more of the response will come, or what came is still being heard."""
        is_over = response.is_done and response.is_heard
        return self._lane.phase is not ReplyPhase.NONE and not is_over

    def _promote(self, step: Promote) -> None:
        if self.response is not None and self._lane.phase is not ReplyPhase.NONE:
            self._interrupt(self.response, step.policy)
        outcome = Outcome.ANSWERED if step.answer else Outcome.HELD
        self.entries.append(Entry(Role.USER, self._flight.text, outcome))
        if step.answer:
            self.response = Response(
                self._lane.num_replies + 1,
                self._flight.setup.tokenizer,
                self._flight.setup.stop_strings,
                reports_playback=self._reports_playback,
            )
            self._events.append(ResponseStarted(self.response.response_id))

    def _interrupt(self, response: Response, policy: Promotion) -> None:
        heard_chars, outcome = self._flight.heard_chars, Outcome.CUT
        if self._lane.phase is ReplyPhase.PAUSED:
            heard_chars = response.num_shown_chars  # time division cannot take back
        elif policy is Promotion.BRANCH:
            outcome = Outcome.FORGOTTEN
        kept_chars = 0 if outcome is Outcome.FORGOTTEN else heard_chars
        self._events.append(Interrupted(response.response_id, kept_chars))
        self._done(response, EndReason.INTERRUPTED)
        self._remember(response, heard_chars, outcome)

    def _withdraw(self) -> None:
        """The last query went on: what was answered to its beginning is taken back."""
        self.is_withdrawn = True
        self.entries.clear()  # of that answer, when it was concluded just now
        if self.response is not None and self._lane.was_answered:
            self._events.append(Interrupted(self.response.response_id, 0))
            self._done(self.response, EndReason.INTERRUPTED)

    def _finish(self, reason: EndReason) -> None:
        assert self.response is not None
        self._show_said(lambda response, tokens: response.push(tokens) + response.flush())
        self._done(self.response, reason)

    def _conclude(self) -> None:
        """The reply is over: as the session asked, or because it was finished and is not held."""
        assert self.response is not None
        asked, self._conclude_asked = self._conclude_asked, None
        shown_chars = self.response.num_shown_chars
        heard_chars = shown_chars if asked is None else self._flight.heard_chars
        self._done(self.response, asked or EndReason.STOP)
        is_whole = heard_chars == shown_chars and asked is not EndReason.CANCELLED
        outcome = Outcome.COMPLETE if is_whole else Outcome.CUT
        self._remember(self.response, heard_chars, outcome)

    def _show_said(self, push: Callable[[Response, list[int]], str]) -> None:
        response, tokens = self.response, self._said
        self._said = []
        if response is None or response.is_done:
            return
        text = push(response, tokens)
        if text:
            self._events.append(ResponseDelta(response.response_id, text))
        if response.met_stop_string:
            self._done(response, EndReason.STOP_STRING)

    def _done(self, response: Response, reason: EndReason) -> None:
        if not response.is_done:
            response.is_done = True
            self._events.append(ResponseDone(response.response_id, reason))

    def _remember(self, response: Response, heard_chars: int, outcome: Outcome) -> None:
        text = response.shown_text[:heard_chars]
        self.entries.append(Entry(Role.ASSISTANT, text, outcome, response.response_id))


def cut_short(response: Response) -> tuple[Entry, list[ServerEvent]]:
    """A reply at the end of the session: what stays of it, and what is told."""
    is_whole, was_done = response.is_done and response.is_heard, response.is_done
    outcome = Outcome.COMPLETE if is_whole else Outcome.CUT
    text = response.shown_text[: response.heard_chars]
    response.is_done = True
    events: list[ServerEvent] = [ResponseDone(response.response_id, EndReason.CANCELLED)]
    entry = Entry(Role.ASSISTANT, text, outcome, response.response_id)
    return entry, [] if was_done else events
