"""A response: the text of one reply, what of it was shown, and what was heard."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from duologue.floor_settings import FloorSettings
from duologue.lane.slices import Heard
from duologue.lane.steps import EndReason
from duologue.session.call_text import CallText
from duologue.session.noting import ContextNote
from duologue.session.pace import Listener
from duologue.session.stopping import StopStrings
from duologue.text.detokenizer import HeardSplit, StreamState, TextStream
from duologue.text.tokenizer import Tokenizer


class PauseReason(StrEnum):
    """Why a reply is silent that could go on."""

    INTERRUPTION = "interruption"
    """The user may be taking the floor."""
    HOLD = "hold"
    """The user asked for silence."""


@dataclass(slots=True)
class Response:
    """One reply from its first token on. A plain value; lengths are in code points of its text."""

    stops: StopStrings = field(default_factory=StopStrings)
    stream: StreamState = field(default_factory=StreamState)
    response_id: int = 0
    """Its number in the session; 0 while nothing of it was shown."""
    text: str = ""
    """All that can be shown so far, in whole characters."""
    num_shown_chars: int = 0
    end: EndReason | None = None
    """Why no more of it is generated."""
    is_done: bool = False
    """Whether the client was told that no more text follows."""
    is_cancelled: bool = False
    """Whether the client wants it to end."""
    is_confirmed: bool = False
    """Whether it may be shown: the decision that it follows from stands."""
    pause: PauseReason | None = None
    acked_chars: int | None = None
    """What the player reported; None for a client that does not report."""
    active_ms: float = 0.0
    """When more of it was shown, or reported, for the last time."""
    listener: Listener | None = None
    """Where the user was in it when that was last known; None until it may be shown."""
    place: int | None = None
    """Of its entry in the transcript."""
    cut_chars: int | None = None
    """How much had been heard when the client was told that it is interrupted."""
    given: tuple[int, ...] = ()
    """Tokens that the caller wants it to have; none where the model speaks."""
    num_given: int = 0
    """How many of them it has."""
    instructions: ContextNote | None = None
    """What joins the conversation before it begins."""
    is_told: bool = False
    """Whether the caller says it, with a model of its own: its text comes from there."""
    calls: CallText | None = None
    """Its part that calls tools; None where it cannot."""

    @property
    def num_tokens(self) -> int:
        """Tokens that were generated of it."""
        return self.stream.num_tokens

    @property
    def num_unshown_tokens(self) -> int:
        """Tokens of which nothing was shown."""
        return self.num_tokens - self.stream.split_at(self.num_shown_chars).keep_tokens

    @property
    def is_awaited(self) -> bool:
        """Whether the caller, who is to say it, has not begun."""
        return self.is_told and not self.text and self.end is None

    @property
    def is_calling(self) -> bool:
        """Whether it calls tools from here on: nothing more of it is to be shown."""
        return self.calls is not None and self.calls.is_begun

    @property
    def has_unsent_calls(self) -> bool:
        return self.calls is not None and self.calls.is_begun and not self.calls.is_read

    @property
    def shown_text(self) -> str:
        return self.text[: self.num_shown_chars]

    @property
    def is_shown_whole(self) -> bool:
        """Whether nothing more of it will be shown."""
        return self.end is not None and self.num_shown_chars == len(self.text)

    @property
    def may_be_shown(self) -> bool:
        return self.is_confirmed and self.pause is None

    @property
    def last_heard(self) -> Listener | None:
        """As `listener`, which a checkpoint of earlier versions does not tell."""
        if self.listener is None and self.num_shown_chars:
            shown = self.stream.split_at(self.num_shown_chars)
            return Listener(self.active_ms, shown.keep_tokens)
        return self.listener

    def heard_chars(self, floor: FloorSettings, now_ms: float) -> int:
        """What was heard of it: what the player reported, or without reports all that was shown.

        All of it too when it was shown whole and the reports stop just short of its end, or stop.
        """
        if self.cut_chars is not None:
            return min(self.cut_chars, self.num_shown_chars)
        is_late = self.is_shown_whole and now_ms >= self.heard_at_ms(floor)
        return self.num_shown_chars if is_late else self.reported_chars(floor)

    def reported_chars(self, floor: FloorSettings) -> int:
        """What the player reported to have been heard, or all that was shown without reports."""
        acked = self.acked_chars
        if acked is None or acked >= self.num_shown_chars:
            return self.num_shown_chars
        rest = self.text[acked:]
        is_end = len(rest) <= floor.heard_within_chars or not any(map(str.isalnum, rest))
        return len(self.text) if self.is_shown_whole and acked > 0 and is_end else acked

    def heard_at_ms(self, floor: FloorSettings) -> float:
        """When a reply that was shown whole counts as heard, if no report comes until then."""
        return self.active_ms + floor.heard_after_ms

    def is_heard(self, floor: FloorSettings, now_ms: float) -> bool:
        """Whether all that was shown of it was heard."""
        return self.heard_chars(floor, now_ms) == self.num_shown_chars

    def is_over(self, floor: FloorSettings, now_ms: float) -> bool:
        """Whether it was shown whole and heard whole."""
        return self.is_done and self.is_shown_whole and self.is_heard(floor, now_ms)

    def acknowledge(self, heard_chars: int, now_ms: float) -> None:
        """The player has come so far."""
        self.acked_chars, self.active_ms = heard_chars, now_ms
        self._listened(heard_chars, now_ms)

    def resume(self, floor: FloorSettings, now_ms: float) -> None:
        """It falls silent no longer: the player goes on where it was heard."""
        self.pause = None
        if self.cut_chars is not None:  # the player has let go of what it had not played
            self.num_shown_chars, self.cut_chars, self.is_done = self.cut_chars, None, False
        if self.listener is not None:
            self._listened(self.reported_chars(floor), now_ms)

    def push(self, tokens: Sequence[int], tokenizer: Tokenizer) -> None:
        """More of it was generated; the idle token of time division is none of what was given."""
        for token in tokens if self.given else ():
            self.num_given += self.given[self.num_given : self.num_given + 1] == (token,)
        stream = TextStream(tokenizer, self.stream)
        place = self.calls.place_in(tokens) if self.calls is not None else None
        if self.calls is not None and place is not None:
            self._take(stream.push(tokens[:place]))
            self.calls.begin(stream.num_tokens, len(self.stream.held))
            tokens = tokens[place:]
        self._take(stream.push(tokens))
        if self.stops.is_met and self.end is None:
            self.end = EndReason.STOP_STRING

    def finish(self, reason: EndReason, tokenizer: Tokenizer) -> None:
        """It was generated to its end."""
        self._take(TextStream(tokenizer, self.stream).flush())
        if self.calls is not None:
            self.text += self.stops.push(self.calls.flush())
        self.text += self.stops.flush()
        if self.end is None:
            self.end = EndReason.STOP_STRING if self.stops.is_met else reason

    def show(self, now_ms: float) -> str:
        """What is shown now of what was not shown before."""
        more = self.text[self.num_shown_chars :]
        if self.listener is None:
            self._listened(self.num_shown_chars, now_ms)
        if more:
            self.num_shown_chars, self.active_ms = len(self.text), now_ms
        return more

    def heard(self, heard_chars: int, tokenizer: Tokenizer) -> Heard:
        """The first so many characters in tokens, for the trunk to keep."""
        if heard_chars >= len(self.text) and self.end is EndReason.STOP and not self.is_calling:
            return Heard(self.num_tokens)
        split = self.stream.split_at(heard_chars)
        if self.calls is not None and self.calls.num_tokens_before is not None:
            # The token that begins a call has no text: it would be kept with what it follows.
            keep_tokens = min(split.keep_tokens, self.calls.num_tokens_before)
            split = HeardSplit(keep_tokens, split.tail_text)
        return Heard(split.keep_tokens, _tail(split.tail_text, not split.keep_tokens, tokenizer))

    def _take(self, text: str) -> None:
        if self.calls is not None:
            text = self.calls.push(text)
        self.text += self.stops.push(text)

    def _listened(self, chars: int, now_ms: float) -> None:
        """The user was there at this time."""
        shown_chars = min(chars, self.num_shown_chars)
        self.listener = Listener(now_ms, self.stream.split_at(shown_chars).keep_tokens)


def _tail(text: str, is_start: bool, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Tokens of text that goes on in mid-word.

    Some tokenizers put a space in front of all that they encode. Behind a line break they do not,
    so the text is encoded with one, which then is taken away.
    """
    if not text:
        return ()
    if is_start:
        return tuple(tokenizer.encode(text))
    line_break = tuple(tokenizer.encode("\n"))
    behind = tuple(tokenizer.encode("\n" + text))
    is_apart = behind[: len(line_break)] == line_break
    return behind[len(line_break) :] if is_apart else tuple(tokenizer.encode(text))
