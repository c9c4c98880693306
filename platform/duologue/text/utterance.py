"""The user's utterance in progress: text in named segments that may still change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from duologue.errors import CapacityExceeded, InvalidInput
from duologue.text.joining import join
from duologue.text.matching import text_after
from duologue.text.noise import has_words, without_noise
from duologue.text.segment_names import MAX_SEGMENT_ID_CHARS
from duologue.text.spacing import trimmed

MAX_REMEMBERED_SEGMENTS = 1024
"""So many segments without open text are remembered."""
MAX_PARTS = 16
"""An utterance beyond its limit may wait in so many parts to be settled."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of the user's text."""

    text: str = ""
    """All that the client has put into it."""
    decided: str = ""
    """What of it was decided already."""
    is_final: bool = False
    active: str = ""
    """What is still to be decided."""

    @classmethod
    def of(cls, text: str, decided: str, is_final: bool = False) -> "Segment":
        """The active text is found once, since it is asked for with every slice."""
        active = "" if text == decided else text_after(text, decided)
        return cls(text, decided, is_final, active)


Snapshot = Mapping[str, str]
"""Segments by name, with all their text at one moment."""


@dataclass(slots=True)
class Utterance:
    """What the user has said since the last decision, segment by segment. A plain value.

    Segments stand in the order in which they first appeared. `text` is what was said: the open
    texts of the segments joined, without a recogniser's noises and without regard to spacing;
    empty if that leaves no words.

    `append` extends a segment, `revise` replaces its text, until it is final. `decide` takes out
    what was decided: text that comes later, also in the same segment, begins a new utterance,
    unless the decision is taken back by `reopen`. Text beyond the limit waits as a further part:
    `heard_text` is the part that is to be settled first. A refused call changes nothing.
    """

    max_chars: int = 8192
    max_segments: int = 256
    noise_tags: tuple[str, ...] = ()
    segments: dict[str, Segment] = field(default_factory=dict)
    before_decision: dict[str, str] = field(default_factory=dict)
    """Of the segments that the last decision was about: what had been decided of them before."""
    parts: list[dict[str, str]] = field(default_factory=list)
    """Snapshots at which an utterance beyond the limit is to be settled, in order."""
    text: str = ""

    @property
    def heard_text(self) -> str:
        """What is to be judged: the utterance, or its first part."""
        return self.text_at(self.parts[0]) if self.parts else self.text

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to judge, though there may be segments."""
        return not self.text

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """The segments that have text to be decided, in their order."""
        return tuple(name for name, segment in self.segments.items() if segment.active)

    @property
    def last_text(self) -> str:
        """What the last decision was about, with the corrections that have come since."""
        return self._composed(
            text_after(self.segments[name].decided, before)
            for name, before in self.before_decision.items()
            if name in self.segments
        )

    def text_at(self, snapshot: Snapshot) -> str:
        """What was said up to a moment, of what is not decided yet."""
        return self._composed(
            text_after(snapshot[name], segment.decided)
            for name, segment in self.segments.items()
            if name in snapshot
        )

    def append(self, segment_id: str, text: str, is_final: bool = False) -> None:
        """Add text to the end of a segment, which is made if it is new.

        Raises InvalidInput if the segment is final or an argument is unusable, and
        CapacityExceeded if too much waits to be settled.
        """
        before = self._changeable(segment_id) or Segment()
        whole = before.text + _checked_text(text)
        self._put(segment_id, Segment.of(whole, before.decided, is_final))

    def revise(self, segment_id: str, text: str, is_final: bool = False) -> None:
        """Replace a segment's text; raises as `append` does, and InvalidInput if it is not known.

        A new segment is not made here, for it might be one that was decided long ago.
        """
        before = self._changeable(segment_id)
        if before is None:
            raise InvalidInput(f"segment {segment_id!r} is not known; append it before revising it")
        self._put(segment_id, Segment.of(_checked_text(text), before.decided, is_final))

    def correct(self, segment_id: str, text: str, is_final: bool = False) -> None:
        """Replace a segment's text and what was decided of it: the new text says the same.

        Raises as `revise` does.
        """
        before = self._changeable(segment_id)
        assert before is not None, "only a segment that was decided can be corrected"
        _checked_text(text)
        self.segments[segment_id] = Segment.of(text, text, is_final)

    def snapshot(self) -> dict[str, str]:
        """The segments as they are now: what a decision that is on its way will be about."""
        if self.parts:
            return self.parts[0]
        return {name: segment.text for name, segment in self.segments.items()}

    def decide(self, snapshot: Snapshot) -> None:
        """A decision was made about the segments as they were at `snapshot`.

        What was decided is remembered within bounds, in order to know what of a late text is new.
        """
        self.before_decision = {}
        for name, text in snapshot.items():
            segment = self.segments.get(name)
            if segment is None:
                continue
            if segment.active:
                self.before_decision[name] = segment.decided
            self.segments[name] = Segment.of(segment.text, text, segment.is_final)
            if len(text) > self.max_chars * MAX_PARTS:
                self._shorten(name)
        self.parts = [part for part in self.parts if part != snapshot and self.text_at(part)]
        self._forget()
        self._read()

    def was_decided(self, segment_id: str) -> bool:
        """Whether the last decision was about text of this segment."""
        return segment_id in self.before_decision

    def reopen(self) -> None:
        """Take the last decision back: its text is to be decided again, with what follows it."""
        reopened: dict[str, Segment] = {}
        for name, decided in self.before_decision.items():
            if (segment := self.segments.get(name)) is not None:
                reopened[name] = Segment.of(segment.text, decided, segment.is_final)
        later = {name: s for name, s in self.segments.items() if name not in reopened}
        self.segments = {**reopened, **later}  # what was said first stands first
        self.before_decision = {}
        if self.segment_ids:
            self.part(self.segment_ids[-1], self.max_chars)
        self._read()

    def settle_as_decided(self) -> None:
        """Drop all text, as if it had been decided."""
        self.decide({name: segment.text for name, segment in self.segments.items()})
        self.parts = []

    def _changeable(self, segment_id: str) -> Segment | None:
        """The segment, None if it is new; raises InvalidInput if it takes no changes."""
        if not 0 < len(segment_id) <= MAX_SEGMENT_ID_CHARS:
            raise InvalidInput(
                f"must have 1 to {MAX_SEGMENT_ID_CHARS} characters", field="segment_id"
            )
        segment = self.segments.get(segment_id)
        if segment is not None and segment.is_final:
            raise InvalidInput(f"segment {segment_id!r} is final and takes no further changes")
        return segment

    def _put(self, segment_id: str, segment: Segment) -> None:
        others = [s.active for name, s in self.segments.items() if name != segment_id]
        num_open = sum(map(bool, others)) + bool(segment.active)
        if segment.active and num_open > self.max_segments:
            raise CapacityExceeded(
                f"the utterance has {self.max_segments} segments already, the most allowed"
            )
        limit = self.max_chars * MAX_PARTS
        num_chars = sum(map(len, others)) + len(segment.active)
        if num_chars > limit:
            raise CapacityExceeded(
                f"the utterance would have {num_chars} characters; at most {limit} may wait"
            )
        before = self.segments.get(segment_id)
        if before is not None and before.decided and not before.active:
            del self.segments[segment_id]  # it begins anew, behind the others
        self.segments[segment_id] = segment
        self.parts = [p for p in self.parts if segment.text.startswith(p.get(segment_id, ""))]
        self.part(segment_id, self.max_chars)
        self._forget()
        self._read()

    def part(self, segment_id: str, max_chars: int) -> None:
        """Close parts, which end in this segment, until what lies behind the last is so short."""
        while (excess := self._num_open_chars() - max_chars) > 0:
            text = self.segments[segment_id].text
            done = self.parts[-1].get(segment_id, "") if self.parts else ""
            end = len(text) - excess
            at_word = text.rfind(" ", len(done) + 1, end + 1)
            snapshot = {name: segment.text for name, segment in self.segments.items()}
            snapshot[segment_id] = text[: at_word if at_word > 0 else end]
            self.parts.append(snapshot)

    def _shorten(self, name: str) -> None:
        """Let go of what was decided of a segment before the last decision, unless it is needed."""
        segment, before = self.segments[name], self.before_decision.get(name, "")
        is_needed = bool(segment.active) or any(name in part for part in self.parts)
        if is_needed or not segment.decided.startswith(before):
            return
        text, decided = segment.text[len(before) :], segment.decided[len(before) :]
        self.segments[name] = Segment.of(text, decided, segment.is_final)
        if name in self.before_decision:
            self.before_decision[name] = ""

    def _num_open_chars(self) -> int:
        """Characters behind the last part."""
        closed = self.parts[-1] if self.parts else {}
        return sum(
            len(text_after(segment.text, closed.get(name, segment.decided)))
            for name, segment in self.segments.items()
            if segment.active
        )

    def _read(self) -> None:
        self.text = self._composed(segment.active for segment in self.segments.values())

    def _composed(self, texts: Iterable[str]) -> str:
        joined = ""
        for text in texts:
            joined = join(joined, text)
        said = trimmed(without_noise(joined, self.noise_tags))
        return said if has_words(said) else ""

    def _forget(self) -> None:
        closed = [name for name, segment in self.segments.items() if not segment.active]
        for name in closed[: max(0, len(closed) - MAX_REMEMBERED_SEGMENTS)]:
            del self.segments[name]


def _checked_text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput("must be valid Unicode without lone surrogates", field="text") from error
    return text
