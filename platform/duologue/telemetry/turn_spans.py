"""A turn under way: its span, and what is told of it when it ends."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from opentelemetry.trace import Span

from duologue.telemetry import names
from duologue.telemetry.tracing import nanoseconds

MAX_PIECES = 200
"""Pieces of text that are told apart in a turn, of the user's and of the reply's."""


class Confirmation(StrEnum):
    """What let a reply be shown, as far as it can be seen from outside of the session."""

    AT_ONCE = "at once"
    """The probability was high enough, or replies are not held."""
    COMMIT = "commit"
    """The client said that the turn is over."""
    FINAL = "final"
    """The pause behind the end of a segment, which is shorter."""
    PAUSE = "pause"
    """The pause behind the last word."""


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A text as it came. Beyond MAX_PIECES they are told together."""

    at_ms: float
    num_chars: int
    text: str
    """Empty where texts are not recorded."""
    is_revision: bool = False
    is_final: bool = False

    def told(self, text_name: str, *, with_text: bool) -> dict[str, str | int | bool]:
        """As attributes; `text_name` is that of the text."""
        told: dict[str, str | int | bool] = {names.NUM_CHARS: self.num_chars}
        if self.is_revision:
            told[names.IS_REVISION] = True
        if self.is_final:
            told[names.IS_FINAL] = True
        if with_text and self.text:
            told[text_name] = self.text
        return told


@dataclass(slots=True)
class TurnUnderWay:
    """A turn under way. Texts are kept apart until it ends: until then they may be forbidden."""

    span: Span
    heard_ms: float
    """When the user said something last."""
    is_final: bool = False
    """Whether a segment ended with it."""
    is_committed: bool = False
    decided_ms: float | None = None
    """When it was decided that it wants an answer, until that is shown or taken back."""
    is_sure: bool | None = None
    """Whether that decision needed no confirmation; None when that is not known."""
    num_taken_back: int = 0
    response_id: int = 0
    input_text: str = ""
    has_reply_text: bool = False
    heard: list[ReplyText] = field(default_factory=list)
    said: list[ReplyText] = field(default_factory=list)

    def confirmed_by(self, held_ms: float) -> Confirmation:
        """What confirmed the decision, when it was held for so long.

        One that is found after the pause that it needs is not held, and confirmed by that pause.
        """
        if self.is_sure or (self.is_sure is None and held_ms <= 0):
            return Confirmation.AT_ONCE
        if self.is_committed:
            return Confirmation.COMMIT
        return Confirmation.FINAL if self.is_final else Confirmation.PAUSE

    def hears(self, piece: ReplyText) -> None:
        """The user said this."""
        self.heard_ms, self.is_final = piece.at_ms, piece.is_final
        _keep(self.heard, piece)

    def says(self, piece: ReplyText) -> None:
        """This of the reply was shown."""
        self.has_reply_text = True
        _keep(self.said, piece)

    def tell_pieces(self, *, with_text: bool) -> None:
        """Put what was said into the span."""
        kinds = (
            (names.INPUT_PIECE, names.INPUT_TEXT, self.heard),
            (names.RESPONSE_PIECE, names.OUTPUT_TEXT, self.said),
        )
        for name, text_name, pieces in kinds:
            for piece in pieces:
                told = piece.told(text_name, with_text=with_text)
                self.span.add_event(name, told, nanoseconds(piece.at_ms))
        if not with_text:
            return
        if self.input_text:
            self.span.set_attribute(names.INPUT_TEXT, self.input_text)
        if text := "".join(piece.text for piece in self.said):
            self.span.set_attribute(names.OUTPUT_TEXT, text)


def _keep(pieces: list[ReplyText], piece: ReplyText) -> None:
    if len(pieces) < MAX_PIECES:
        pieces.append(piece)
        return
    last = pieces[-1]
    num_chars, text = last.num_chars + piece.num_chars, last.text + piece.text
    pieces[-1] = replace(last, num_chars=num_chars, text=text, is_final=piece.is_final)
