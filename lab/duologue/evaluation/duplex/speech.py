"""How a line is spoken: from its text with marks to pieces of input, each at its time.

    What is the capital | pause 700 | of France?      a silence inside the line
    a table for {to>two} people                       recognition hears "to", then corrects it
    book a flight | final 500 | to Boston             recognition ends a segment here; then silence
    wake me at seven | late 900 "Wake me at 7." |     its final text comes so late
    tell me a joke | commit |                         the turn is over for sure: Enter is pressed
    | echo 8 misheard |                               the assistant's own last words come back

A word arrives when it has been spoken to its end, as from a speech recogniser; a tag in brackets,
`[clears throat]`, is one word. A correction arrives `REVISION_MS` after the words that it changes;
what follows waits for it. `marks.py` reads the marks.
"""

from dataclasses import dataclass, replace

from duologue.errors import InvalidInput
from duologue.evaluation.duplex.echo import echo_of
from duologue.evaluation.duplex.marks import marks_of

REVISION_MS = 300
MAX_PAUSE_MS = 10_000


@dataclass(frozen=True, slots=True)
class SpeechPiece:
    """Something that is sent; `at_ms` counts from the start of the line."""

    at_ms: float
    text: str
    """What is added to the segment or, in a revision, all of it."""
    revises: bool = False
    segment: int = 0
    """Which of the line's segments it belongs to."""
    is_final: bool = False
    """The segment ends with it."""


@dataclass(frozen=True, slots=True)
class SpeechPause:
    """A silence inside a line, in milliseconds from its start."""

    begin_ms: float
    """When the last word before it was over."""
    end_ms: float
    """When the first word behind it was over: only then is there text that tells of it."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A line as it is spoken."""

    pieces: tuple[SpeechPiece, ...]
    pauses: tuple[SpeechPause, ...]
    commits_ms: tuple[float, ...] = ()
    """When the user says that the turn is over; it follows the piece of that time."""
    late: tuple[SpeechPiece, ...] = ()
    """What recognition still has to say when the user has ended."""

    @property
    def duration_ms(self) -> float:
        """From the start of the first word to the last."""
        return self.pieces[-1].at_ms

    @property
    def num_segments(self) -> int:
        return self.pieces[-1].segment + 1

    @property
    def text(self) -> str:
        """What was said in the end."""
        segments = [""] * self.num_segments
        for piece in self.pieces + self.late:
            before = "" if piece.revises else segments[piece.segment]
            segments[piece.segment] = before + piece.text
        return " ".join(segments)


def spoken(say: str, words_per_minute: int, reply: str = "") -> Speech:
    """A line at a speaking rate; raises InvalidInput for marks that are not understood.

    `reply` is what the assistant has said when the line begins; an echo repeats its last words.
    """
    speaker = _Speaker(60_000 / words_per_minute)
    for mark in marks_of(say):
        if mark["pause"]:
            speaker.pause(int(mark["pause"]))
        elif mark["heard"]:
            speaker.revise(mark["heard"], mark["meant"] + mark["end"])
        elif mark["final"]:
            speaker.end_segment(int(mark["silence"] or 0))
        elif mark["late"]:
            speaker.finish_late(int(mark["late"]), mark["text"].strip())
        elif mark["commit"]:
            speaker.commit()
        elif mark["echo"]:
            speaker.words(echo_of(reply, int(mark["echo"]), is_misheard=bool(mark["misheard"])))
        elif mark["word"]:
            speaker.words([mark["word"]])
    return speaker.speech()


class _Speaker:
    def __init__(self, word_ms: float) -> None:
        self._word_ms = word_ms
        self._now_ms = 0.0
        self._text = ""  # of the segment
        self._segment = 0
        self._pieces: list[SpeechPiece] = []
        self._pauses: list[SpeechPause] = []
        self._commits_ms: list[float] = []
        self._late: list[SpeechPiece] = []
        self._pause_begin_ms: float | None = None

    def words(self, words: list[str]) -> None:
        for word in words:
            if self._pieces and self._pieces[-1].is_final and self._text:
                self._text, self._segment = "", self._segment + 1
            self._now_ms += self._word_ms
            self._end_pause()
            self._send(word if not self._text else " " + word)

    def revise(self, heard: str, meant: str) -> None:
        begins_segment = not self._pieces or self._pieces[-1].is_final
        before = "" if begins_segment else self._text
        self.words(heard.split())
        self._now_ms += REVISION_MS
        self._text = " ".join([*before.split(" "), *meant.split()]).strip()
        self._pieces.append(SpeechPiece(self._now_ms, self._text, True, self._segment))

    def pause(self, duration_ms: int) -> None:
        self._check_goes_on("| pause |")
        if not self._pieces:
            raise InvalidInput("a line cannot begin with a pause; use delay_ms")
        _check_duration("a pause", duration_ms)
        if self._pause_begin_ms is not None:
            raise InvalidInput("two pauses must have words between them")
        self._pause_begin_ms = self._now_ms
        self._now_ms += duration_ms

    def end_segment(self, silence_ms: int) -> None:
        self._check_follows_word("| final |")
        if self._pieces[-1].is_final:
            raise InvalidInput("a segment must say something before it is final")
        self._pieces[-1] = replace(self._pieces[-1], is_final=True)
        if silence_ms:
            self.pause(silence_ms)

    def commit(self) -> None:
        self._check_follows_word("| commit |")
        self._commits_ms.append(self._now_ms)

    def finish_late(self, after_ms: int, text: str) -> None:
        self._check_follows_word("| late |")
        _check_duration("what comes late", after_ms)
        if self._pieces[-1].is_final:
            raise InvalidInput("no late text can follow for a segment that is final")
        if not text:
            raise InvalidInput("a late text must say something")
        at_ms = self._now_ms + after_ms
        self._late.append(SpeechPiece(at_ms, text, True, self._segment, is_final=True))

    def speech(self) -> Speech:
        if not self._pieces:
            raise InvalidInput("a line must say something")
        if self._pause_begin_ms is not None:
            raise InvalidInput("a line cannot end with a pause")
        return Speech(
            tuple(self._pieces), tuple(self._pauses), tuple(self._commits_ms), tuple(self._late)
        )

    def _send(self, text: str) -> None:
        self._check_goes_on("a word")
        self._text += text
        self._pieces.append(SpeechPiece(self._now_ms, text, False, self._segment))

    def _end_pause(self) -> None:
        if self._pause_begin_ms is not None:
            self._pauses.append(SpeechPause(self._pause_begin_ms, self._now_ms))
            self._pause_begin_ms = None

    def _check_follows_word(self, mark: str) -> None:
        self._check_goes_on(mark)
        if not self._pieces or self._pause_begin_ms is not None:
            raise InvalidInput(f"{mark} must follow a word, not a silence")

    def _check_goes_on(self, what: str) -> None:
        if self._late:
            raise InvalidInput(f"'| late |' stands at the end of a line; {what} follows it")


def _check_duration(what: str, duration_ms: int) -> None:
    if not 0 < duration_ms <= MAX_PAUSE_MS:
        raise InvalidInput(f"{what} must last 1 to {MAX_PAUSE_MS} ms, not {duration_ms}")
