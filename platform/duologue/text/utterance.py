"""The user's utterance in progress: text in named segments that may still change."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from duologue.errors import CapacityExceeded, InvalidInput

MAX_SEGMENT_ID_CHARS = 128
MAX_REMEMBERED_SEGMENTS = 1024
"""So many segments without open text are remembered."""


@dataclass(frozen=True, slots=True)
class TokenEdit:
    """How to turn one list of tokens into another: keep the first `keep`, then add `append`."""

    keep: int
    append: tuple[int, ...]


def token_edit(old: Sequence[int], new: Sequence[int]) -> TokenEdit:
    """The edit from `old` to `new` that keeps the most, that is their longest common prefix."""
    keep = 0
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        keep += 1
    return TokenEdit(keep, tuple(new[keep:]))


@dataclass(frozen=True, slots=True)
class _Segment:
    text: str = ""
    """All that the client has put into it."""
    decided: str = ""
    """What of it was decided already."""
    is_final: bool = False
    active: str = field(init=False)
    """What is still to be decided; found once, since sessions ask for it with every slice."""

    def __post_init__(self) -> None:
        is_decided = self.text == self.decided
        active = "" if is_decided else text_after(self.text, self.decided)
        object.__setattr__(self, "active", active)


@dataclass(frozen=True, slots=True)
class PastSegment:
    """A segment without open text, in what a later change of it depends on."""

    segment_id: str
    text: str
    decided: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class PastUtterance:
    """What is remembered of segments when all of them are decided."""

    segments: tuple[PastSegment, ...] = ()
    before_decision: tuple[tuple[str, str], ...] = ()
    """Of the segments that the last decision was about: what had been decided of them before."""


def text_after(text: str, decided: str) -> str:
    """What `text` adds to `decided`: the rest of it, or all of it if it says something else.

    Case, punctuation and white space make no difference, since recognisers put them in when they
    finish a segment, and a question is not to be answered twice for its question mark. A text that
    was really corrected is heard as a whole, so that the correction is not lost.
    """
    if not decided:
        return text
    wanted = [char for char in decided.casefold() if not _is_formatting(char)]
    matched = 0
    for place, char in enumerate(text):
        letters = [letter for letter in char.casefold() if not _is_formatting(letter)]
        if letters and matched == len(wanted):
            return text[place:]
        if letters != wanted[matched : matched + len(letters)]:
            return text
        matched += len(letters)
    return text if matched < len(wanted) else ""


def _is_formatting(char: str) -> bool:
    return unicodedata.category(char)[0] in "PZC"


class Utterance:
    """What the user has said since the last decision, segment by segment.

    Segments stand in the order in which they first appeared; between two of them a space is put if
    neither brings white space. Within a segment, white space is the caller's.

    `append` extends a segment, `revise` replaces its text, until it is final. `decide` takes out
    what was decided: text that comes later, also in the same segment, begins a new utterance,
    unless the decision is taken back by `reopen`. A refused call changes nothing.
    """

    def __init__(self, *, max_chars: int = 8192, max_segments: int = 256) -> None:
        self._max_chars = max_chars
        self._max_segments = max_segments
        self._segments: dict[str, _Segment] = {}
        self._before_decision: Mapping[str, str] = {}

    @property
    def text(self) -> str:
        """What is to be decided of the segments' texts, joined."""
        joined = ""
        for segment in self._segments.values():
            active = segment.active
            if joined and active and not (joined[-1].isspace() or active[0].isspace()):
                joined += " "
            joined += active
        return joined

    @property
    def is_empty(self) -> bool:
        """Whether there is no text, though there may be segments."""
        return not self.text

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """The segments that have text to be decided, in their order."""
        return tuple(name for name, segment in self._segments.items() if segment.active)

    def append(self, segment_id: str, text: str, is_final: bool = False) -> None:
        """Add text to the end of a segment, which is made if it is new.

        Raises InvalidInput if the segment is final or an argument is unusable, and
        CapacityExceeded if the utterance would become too long.
        """
        before = self._changeable(segment_id) or _Segment()
        after = _Segment(before.text + _checked_text(text), before.decided, is_final)
        self._put(segment_id, after)

    def revise(self, segment_id: str, text: str, is_final: bool = False) -> None:
        """Replace a segment's text; raises as `append` does, and InvalidInput if it is not known.

        A new segment is not made here, for it might be one that was decided long ago.
        """
        before = self._changeable(segment_id)
        if before is None:
            raise InvalidInput(f"segment {segment_id!r} is not known; append it before revising it")
        self._put(segment_id, _Segment(_checked_text(text), before.decided, is_final))

    def snapshot(self) -> Mapping[str, str]:
        """The segments as they are now: what a decision that is on its way will be about."""
        return {name: segment.text for name, segment in self._segments.items()}

    def decide(self, snapshot: Mapping[str, str]) -> None:
        """A decision was made about the segments as they were at `snapshot`.

        What was decided is remembered within bounds, in order to know what of a late text is new.
        """
        self._before_decision = {}
        for name, text in snapshot.items():
            segment = self._segments.get(name)
            if segment is None:
                continue
            if segment.active:
                self._before_decision = {**self._before_decision, name: segment.decided}
            segment = replace(segment, decided=text)
            if len(text) > self._max_chars and not segment.active:
                segment = replace(segment, text="", decided="")
            self._segments[name] = segment
        self._forget()

    def was_decided(self, segment_id: str) -> bool:
        """Whether the last decision was about text of this segment."""
        return segment_id in self._before_decision

    def reopen(self) -> None:
        """Take the last decision back: its text is to be decided again, with what follows it."""
        for name, decided in self._before_decision.items():
            if name in self._segments:
                self._segments[name] = replace(self._segments[name], decided=decided)
        self._before_decision = {}

    def clear(self) -> None:
        """Drop all text, as if it had been decided."""
        self.decide(self.snapshot())

    @property
    def past(self) -> PastUtterance:
        """What is remembered when there is nothing to be decided."""
        assert self.is_empty, "there is text to be decided"
        segments = tuple(self._past_segment(name) for name in self._segments)
        return PastUtterance(segments, tuple(self._before_decision.items()))

    def recall(self, past: PastUtterance) -> None:
        """Remember what another utterance did."""
        self._segments = {
            segment.segment_id: _Segment(segment.text, segment.decided, segment.is_final)
            for segment in past.segments
        }
        self._before_decision = dict(past.before_decision)

    def _past_segment(self, name: str) -> PastSegment:
        segment = self._segments[name]
        if segment.is_final and name not in self._before_decision:
            return PastSegment(name, "", "", is_final=True)  # its text is never asked for again
        return PastSegment(name, segment.text, segment.decided, segment.is_final)

    def _changeable(self, segment_id: str) -> _Segment | None:
        """The segment, None if it is new; raises InvalidInput if it takes no changes."""
        if not 0 < len(segment_id) <= MAX_SEGMENT_ID_CHARS:
            raise InvalidInput(f"segment_id must have 1 to {MAX_SEGMENT_ID_CHARS} characters")
        segment = self._segments.get(segment_id)
        if segment is not None and segment.is_final:
            raise InvalidInput(f"segment {segment_id!r} is final and takes no further changes")
        return segment

    def _put(self, segment_id: str, segment: _Segment) -> None:
        others = [s.active for name, s in self._segments.items() if name != segment_id]
        num_chars = sum(map(len, others)) + len(segment.active)
        if num_chars > self._max_chars:
            raise CapacityExceeded(
                f"the utterance would have {num_chars} characters; at most {self._max_chars} fit"
            )
        if segment.active and sum(map(bool, others)) >= self._max_segments:
            raise CapacityExceeded(
                f"the utterance has {self._max_segments} segments already, the most allowed"
            )
        before = self._segments.get(segment_id)
        if before is not None and before.decided and not before.active:
            del self._segments[segment_id]  # it begins anew, behind the others
        self._segments[segment_id] = segment
        self._forget()

    def _forget(self) -> None:
        closed = [name for name, segment in self._segments.items() if not segment.active]
        for name in closed[: max(0, len(closed) - MAX_REMEMBERED_SEGMENTS)]:
            del self._segments[name]


def _checked_text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput("text must be valid Unicode without lone surrogates") from error
    return text
