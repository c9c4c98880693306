"""What people say to each other: answers to questions, listening noises, talk for somebody else.

Lines come in the order in which they were said, so what stood before a line tells what it is: the
same "yeah" answers a question and otherwise only shows that somebody listens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from duologue.states import State
from duologue.training.corpora.records import Corpora, MeetingLine, TalkLine
from duologue.training.cuts import UNFINISHED_AFTER
from duologue.training.pieces import (
    ASKING,
    FILLED,
    LISTENING,
    QUESTION_TAGS,
    Piece,
    is_open_question,
)
from duologue.training.sample import Turn, normalised, word_set

MAX_ANSWER_WORDS = 14
MAX_LISTENING_WORDS = 3
OVERHEARD_WORDS = range(6, 24)
CHAT_WORDS = range(4, 17)
ADDRESSED_WORDS = range(2, 19)

FIRST_NAMES = (
    "Dave", "Anna", "Tom", "Sarah", "Mike", "Julia", "Ben", "Emma", "Kevin", "Lisa", "Nina",
    "Omar", "Priya", "Maria", "Jack", "Sophie", "Lucas", "Ravi", "Helen", "Amy", "Peter", "Grace",
)  # fmt: skip
_OTHERS = word_set("he she they him her them his their he's she's they're himself herself")
_TO_SOMEBODY = word_set("you your you're you've please can could would will yourself")
_NO_ANSWER = FILLED | word_set("huh oh well aha wow really and then so but it you i the a")
_NO_LISTENING = FILLED | word_set("no nope well")
_LEAD_IN = FILLED | LISTENING | word_set("and so but well or then now")
_KNOWLEDGE = word_set("what what's which who who's where where's when why how how's is are does")


@dataclass(frozen=True, slots=True)
class _Said:
    """One line, whatever the corpus."""

    conversation: str
    speaker: str
    text: str
    is_question: bool
    source: str

    @property
    def words(self) -> list[str]:
        return normalised(self.text).split()


def talk_pieces(corpora: Corpora) -> Iterator[Piece]:
    """Pieces of everyday talk, of meetings' questions with their answers, and of group chat."""
    talk = [line for line in corpora.talk if not _is_chat(line)]
    said = [_said(line) for line in talk]
    yield from _answers(said)
    yield from _alone(said)
    yield from _answers([_said_in_meeting(line) for line in corpora.meetings])
    for line in corpora.talk:
        if _is_chat(line) and (piece := _of_chat(line)) is not None:
            yield piece


def _is_chat(line: TalkLine) -> bool:
    """Typed in a channel of many, where some messages name whom they are for."""
    return line.source.startswith("irc")


def _said(line: TalkLine) -> _Said:
    text = line.text.strip().rstrip(".").strip()
    words = normalised(text).split()
    return _Said(line.conversation, line.speaker, text, _sounds_asked(words), line.source)


def _said_in_meeting(line: MeetingLine) -> _Said:
    asks = line.basic == "Q" and line.full in QUESTION_TAGS
    return _Said("", line.speaker, line.text, asks, "mrda")


def _sounds_asked(words: Sequence[str]) -> bool:
    """Whether words without marks are a question: an opening like one's, and an end."""
    opening = [word for word in words if word not in _LEAD_IN][:1]
    return (
        2 <= len(words) <= MAX_ANSWER_WORDS
        and bool(opening)
        and opening[0] in ASKING
        and words[-1] not in UNFINISHED_AFTER
    )


def _answers(said: Sequence[_Said]) -> Iterator[Piece]:
    """What somebody else says behind a question."""
    for asked, line in pairwise(said):
        words = line.words
        if (
            asked.is_question
            and len(asked.words) >= 3
            and not line.is_question
            and (asked.conversation, asked.source) == (line.conversation, line.source)
            and asked.speaker != line.speaker
            and 1 <= len(words) <= MAX_ANSWER_WORDS
            and not set(words) <= _NO_ANSWER
            and words[-1] not in UNFINISHED_AFTER
            and line.text[-1].isalnum() | (line.text[-1] in ".!")
        ):
            question = asked.text[:1].upper() + asked.text[1:].rstrip(".?") + "?"
            context = (Turn("assistant", question),)
            yield Piece(line.text, State.QUERY, "spoken_answer", line.source, context)


def _alone(said: Sequence[_Said]) -> Iterator[Piece]:
    """What is told by a line itself, where no question stands before it."""
    for before, line in pairwise(said):
        words = line.words
        if not words or before.is_question:
            continue
        if set(words) <= FILLED:
            yield Piece(line.text, State.NON_QUERY, "filled_pause", line.source)
        elif len(words) <= MAX_LISTENING_WORDS and set(words) <= LISTENING | FILLED:
            if not set(words) <= _NO_LISTENING:
                yield Piece(line.text, State.NON_QUERY, "backchannel", line.source)
        elif line.is_question:
            if _is_for_anybody(words):
                yield Piece(line.text, State.QUERY, "spoken_question", line.source)
        elif (
            len(words) in OVERHEARD_WORDS
            and set(words) & _OTHERS
            and not set(words) & _TO_SOMEBODY
            and words[-1] not in UNFINISHED_AFTER
        ):
            yield Piece(line.text, State.NON_QUERY, "background", line.source)


def _is_for_anybody(words: Sequence[str]) -> bool:
    """A question that is neither about people who are there nor about the one who is asked."""
    return (
        len(words) >= 4
        and not set(words) & (_OTHERS | _TO_SOMEBODY)
        and next(word for word in words if word not in _LEAD_IN) in _KNOWLEDGE
    )


def _of_chat(line: TalkLine) -> Piece | None:
    """A message that names somebody else is not for the assistant; an open question is."""
    text, words = line.text.strip(), normalised(line.text).split()
    if "<" in text or "/" in text:
        return None
    if line.addressee:
        named = FIRST_NAMES[Random(line.addressee).randrange(len(FIRST_NAMES))]
        rest = text.removeprefix(line.addressee).lstrip(":, ")
        if len(rest.split()) not in ADDRESSED_WORDS or "nick" in rest:
            return None
        mark = text[len(line.addressee) : len(line.addressee) + 1]
        return Piece(
            f"{named}{mark if mark in ':,' else ','} {rest}", State.NON_QUERY, "aside", line.source
        )
    if "nick" in text or len(words) not in CHAT_WORDS or not is_open_question(text, words):
        return None
    return Piece(text, State.QUERY, "spoken_question", line.source)
