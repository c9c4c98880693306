"""The settings of who may be heard, and of what counts as something said.

The same manner as `settings.py`.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from duologue.setting_checks import check, check_choice, check_number, check_range
from duologue.text.go_on_phrases import DEFAULT_GO_ON_PHRASES
from duologue.text.noise_tags import DEFAULT_NOISE_TAGS

FloorName = Literal["confirmed", "eager"]
ForeignName = Literal["wait", "judge"]

UNCALIBRATED_CONFIRM_ABOVE = 0.995
"""Where neither the settings nor the adapter name a probability."""


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """When a reply may be heard, and how much of it was."""

    mode: FloorName = "confirmed"
    """"confirmed": a reply is computed at once and shown when the decision behind it is confirmed;
    "eager": it is shown at once, and withdrawn when the decision is taken back."""
    confirm_above: float | None = None
    """From this probability of a query on, its reply is shown at once; none: from the one that the
    adapter was calibrated for."""
    confirm_after_ms: int = 600
    """Otherwise after a pause of this length ..."""
    confirm_word_gaps: float = 1.25
    """... or of so many of the speaker's word gaps, if that is longer, or the query likely ..."""
    confirm_slow_ms: int = 1_500
    """... but of no more than this, however slowly they speak."""
    confirm_first_word_ms: int = 1_000
    """Behind a single word of somebody whose pace nobody knows yet, a pause of at least this."""
    confirm_soon_above: float = 0.7
    """From this probability on it is likely."""
    confirm_final_scale: float = 0.6
    """The factor by which the end of a segment shortens that pause."""
    held_reply_tokens: int = 24
    """Tokens of a reply that are computed at the most before it may be shown."""
    late_ack_ms: int = 500
    """An acknowledgement that comes so soon after the reply was cut was on its way, and counts."""
    heard_after_ms: int = 4_000
    """A reply that was shown whole counts as heard when no acknowledgement came for so long."""
    heard_within_chars: int = 3
    """The same when so few characters, or marks only, are left at its end."""

    def __post_init__(self) -> None:
        check_choice("floor.mode", self.mode, get_args(FloorName))
        if self.confirm_above is not None:
            check_number("floor.confirm_above", self.confirm_above, 0.0, 1.01)
        check_number("floor.confirm_soon_above", self.confirm_soon_above, 0.0, 1.01)
        check_number("floor.confirm_word_gaps", self.confirm_word_gaps, 0.0, 20.0)
        check_range("floor.confirm_after_ms", self.confirm_after_ms, 0, 60_000)
        check_range("floor.confirm_slow_ms", self.confirm_slow_ms, 0, 60_000)
        check_range("floor.confirm_first_word_ms", self.confirm_first_word_ms, 0, 60_000)
        check_number("floor.confirm_final_scale", self.confirm_final_scale, 0.0, 1.0)
        check_range("floor.held_reply_tokens", self.held_reply_tokens, 1, 4_096)
        check_range("floor.late_ack_ms", self.late_ack_ms, 0, 60_000)
        check_range("floor.heard_after_ms", self.heard_after_ms, 0, 600_000)
        check_range("floor.heard_within_chars", self.heard_within_chars, 0, 1_000)

    @property
    def sure_above(self) -> float:
        """The probability from which on a query needs no confirmation."""
        return UNCALIBRATED_CONFIRM_ABOVE if self.confirm_above is None else self.confirm_above

    def calibrated(self, confirm_above: float | None) -> Self:
        """The same with what an adapter was calibrated for, where nothing else is set."""
        if self.confirm_above is not None or confirm_above is None:
            return self
        return replace(self, confirm_above=confirm_above)


@dataclass(frozen=True, slots=True)
class ListeningSettings:
    """What counts as something said, and how long the rest of it is waited for."""

    late_text_ms: int = 2_000
    """Another text for a segment this soon after it was decided corrects what was decided."""
    open_after_ms: int = 1_200
    """A pause behind a filler, or a word that asks for another, means nothing before this."""
    dictation_after_ms: int = 2_200
    """The same behind a group of digits or letters, of which another may follow."""
    unfinished_above: float = 0.8
    """From this probability of being unfinished on, only the last limit decides."""
    last_limit_ms: int = 6_000
    """After this much silence, an utterance is decided however unfinished it sounds; never before
    `decoding.decide_after_ms`."""
    echo_within_ms: int = 5_000
    """Words of the assistant that come back within this time are its echo; 0 turns it off."""
    echo_words: int = 5
    """So many of them in a row, at the least."""
    foreign: ForeignName = "wait"
    """"wait": marks and silence tell the end of what is surely not English, and nothing of it is
    dropped; "judge": the adapter tells, as with English, if it was trained on other languages."""
    noise_tags: tuple[str, ...] = DEFAULT_NOISE_TAGS
    """What a recogniser puts in brackets for a noise."""
    go_on_phrases: tuple[str, ...] = DEFAULT_GO_ON_PHRASES
    """What lets a reply go on that waits."""

    def __post_init__(self) -> None:
        name = "listening"
        check_range(f"{name}.late_text_ms", self.late_text_ms, 0, 60_000)
        check_range(f"{name}.open_after_ms", self.open_after_ms, 0, 60_000)
        check_range(f"{name}.dictation_after_ms", self.dictation_after_ms, 0, 60_000)
        check_number(f"{name}.unfinished_above", self.unfinished_above, 0.0, 1.01)
        check_range(f"{name}.last_limit_ms", self.last_limit_ms, 0, 600_000)
        check_range(f"{name}.echo_within_ms", self.echo_within_ms, 0, 600_000)
        check_range(f"{name}.echo_words", self.echo_words, 2, 100)
        check_choice(f"{name}.foreign", self.foreign, get_args(ForeignName))
        for field in ("noise_tags", "go_on_phrases"):
            texts = getattr(self, field)
            is_list = len(texts) <= 256 and all(texts)
            check(is_list, f"{name}.{field}", "at most 256 texts, none of them empty", texts)
