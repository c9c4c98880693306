"""The user's utterance in progress: text in named segments that may still change."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from duologue.errors import CapacityExceeded, InvalidInput

MAX_SEGMENT_ID_CHARS = 128
MAX_REMEMBERED_SEGMENTS = 1024
"""So many segments that were decided are remembered, in order to refuse late text for them."""


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


@dataclass(slots=True)
class _Segment:
    text: str
    is_final: bool


class Utterance:
    """What the user has said since the last decision, segment by segment.

    Segments stand in the order in which they first appeared; their texts are joined as they are,
    so white space between words is the caller's. `append` extends a segment, `revise` replaces its
    text, until it is final. `take` hands the text over to a decision. A refused call changes
    nothing.
    """

    def __init__(self, *, max_chars: int = 8192, max_segments: int = 256) -> None:
        self._max_chars = max_chars
        self._max_segments = max_segments
        self._segments: dict[str, _Segment] = {}
        self._num_chars = 0
        # The keys are segments whose text was taken, oldest first.
        self._decided: OrderedDict[str, None] = OrderedDict()

    @property
    def text(self) -> str:
        """The segments' texts, joined."""
        return "".join(segment.text for segment in self._segments.values())

    @property
    def is_empty(self) -> bool:
        """Whether there is no text, though there may be segments."""
        return self._num_chars == 0

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """The segments in their order."""
        return tuple(self._segments)

    def append(self, segment_id: str, text: str, is_final: bool = False) -> None:
        """Add text to the end of a segment, which is made if it is new.

        Raises InvalidInput if the segment is final or was decided, or an argument is unusable, and
        CapacityExceeded if the utterance would become too long.
        """
        segment = self._changeable(segment_id)
        before = segment.text if segment is not None else ""
        self._put(segment_id, before + _checked_text(text), is_final)

    def revise(self, segment_id: str, text: str, is_final: bool = False) -> None:
        """Replace a segment's text; raises as `append` does, and InvalidInput if it is not known.

        A new segment is not made here, for it might be one that was decided long ago.
        """
        if self._changeable(segment_id) is None:
            raise InvalidInput(f"segment {segment_id!r} is not known; append it before revising it")
        self._put(segment_id, _checked_text(text), is_final)

    def take(self) -> str:
        """Return the text and start anew; the segments count as decided from now on."""
        text = self.text
        self.clear()
        return text

    def clear(self) -> None:
        """Drop the text; the segments count as decided from now on."""
        self._decided.update(dict.fromkeys(self._segments))
        while len(self._decided) > MAX_REMEMBERED_SEGMENTS:
            self._decided.popitem(last=False)
        self._segments.clear()
        self._num_chars = 0

    def _changeable(self, segment_id: str) -> _Segment | None:
        """The segment, None if it is new; raises InvalidInput if it takes no changes."""
        if not 0 < len(segment_id) <= MAX_SEGMENT_ID_CHARS:
            raise InvalidInput(f"segment_id must have 1 to {MAX_SEGMENT_ID_CHARS} characters")
        if segment_id in self._decided:
            raise InvalidInput(
                f"segment {segment_id!r} was already decided; further text needs a new segment"
            )
        segment = self._segments.get(segment_id)
        if segment is not None and segment.is_final:
            raise InvalidInput(f"segment {segment_id!r} is final and takes no further changes")
        return segment

    def _put(self, segment_id: str, text: str, is_final: bool) -> None:
        before = self._segments.get(segment_id)
        num_chars = self._num_chars - (len(before.text) if before is not None else 0) + len(text)
        if num_chars > self._max_chars:
            raise CapacityExceeded(
                f"the utterance would have {num_chars} characters; at most {self._max_chars} fit"
            )
        if before is None and len(self._segments) >= self._max_segments:
            raise CapacityExceeded(
                f"the utterance has {self._max_segments} segments already, the most allowed"
            )
        self._segments[segment_id] = _Segment(text, is_final)
        self._num_chars = num_chars


def _checked_text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput("text must be valid Unicode without lone surrogates") from error
    return text
