"""The raw material of samples: labelled utterances per category, from corpora and from grammars.

A piece is an utterance that still lacks its style and, unless it brings its own, its context.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from random import Random

from duologue.states import State
from duologue.training.corpora.folder import is_held_out
from duologue.training.corpora.records import Corpora, DialogueTurn, MeetingLine, Query
from duologue.training.grammar import Grammar, parse_grammar
from duologue.training.sample import Turn, normalised, word_set

MAX_CONTEXT_TURNS = 3
PHRASES = (
    "hold", "backchannel", "thanks", "filled_pause", "vocal_tic", "aside", "background", "query",
    "short_query", "statement", "follow_up", "interruption", "answer", "agreement", "acceptance",
    "correction", "retraction", "go_on", "told",
)  # fmt: skip
SILENCING = re.compile(
    r"^(silence|silent|quiet|please stop( it)?)( now)?[.!]?$"
    r"|\b((be|stay|you to be) (extra )?(quiet|silent)|(quiet|silence),? please|olly,? quiet"
    r"|shut up|(not|don't) (speak|talk|say)|stop (talking|speaking)|pause yourself"
    r"|please stop for a bit|pause for ten seconds)"
    r"($|[ ,.!](?!.*\b(fast|slowly|loudly|like|mode)\b))",
    re.IGNORECASE,
)
"""Corpora of commands count these among others, or with what is taken back."""
REQUEST_ACTS = {"INFORM_INTENT"}
FOLLOW_UP_ACTS = {"REQUEST", "REQUEST_ALTS"}
QUESTION_TAGS = {"qw", "qy", "rt", "s", "bu", "qh", "qo"}
PLAIN_QUESTIONS_SHARE = 0.25
MAX_SILENCING_WORDS = 12
NO_REQUEST = word_set("what why who when where which is are does did")
"""Behind these, words of silence are asked about."""
CLOSING_ACTS = {"THANK_YOU", "GOODBYE", "SELECT", "NEGATE", "NEGATE_INTENT"}


@dataclass(frozen=True, slots=True)
class Piece:
    """An utterance with its label. `context` None means that any context fits it."""

    text: str
    label: State
    category: str
    source: str
    context: tuple[Turn, ...] | None = None
    speaking: bool | None = None


Draw = Callable[[Random], Piece]


def read_phrases(folder: Path | None = None, *, held_out: bool) -> dict[str, Grammar]:
    """The grammars that ship with the package (or another folder's), one split of them."""
    root = folder or Path(str(files("duologue.training") / "phrases"))
    shared = parse_grammar((root / "lists.txt").read_text(encoding="utf-8").splitlines()).lists
    grammars = {}
    for name in PHRASES:
        lines = (root / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        grammars[name] = parse_grammar(lines, shared).part(held_out=held_out)
    return grammars


def composed(grammar: Grammar, label: State, category: str, speaking: bool | None = None) -> Draw:
    """Draw from a grammar."""

    def draw(rng: Random) -> Piece:
        return Piece(grammar.draw(rng), label, category, "composed", None, speaking)

    return draw


def chosen(pieces: Sequence[Piece]) -> Draw:
    """Draw one of the pieces; a large corpus has no more weight than a small one."""
    by_source: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_source.setdefault(piece.source, []).append(piece)
    groups = list(by_source.values())
    return lambda rng: rng.choice(rng.choice(groups))


def in_turn(pieces: Sequence[Piece]) -> Draw:
    """Draw them in random order, none for a second time before each was drawn once."""
    left: list[Piece] = []

    def draw(rng: Random) -> Piece:
        if not left:
            left.extend(rng.sample(pieces, len(pieces)))
        return left.pop()

    return draw


def query_pieces(corpora: Corpora) -> Iterator[Piece]:
    """Single queries, with the few intents that are no queries put where they belong."""
    for query in corpora.queries:
        if query.intent == "thank_you":
            yield Piece(query.text, State.NON_QUERY, "thanks", query.source)
        elif query.intent == "yes":
            yield Piece(query.text, State.NON_QUERY, "agreement", query.source)
        elif asks_for_silence(query.text):
            yield Piece(query.text, State.HOLD, "hold", query.source)
        elif query.intent not in ("no", "maybe", "goodbye", "cancel"):
            yield Piece(query.text, State.QUERY, _kind_of_query(query), query.source)


def asks_for_silence(text: str) -> bool:
    """Whether it is a request to be quiet, not one to speak otherwise or to do something else."""
    words = normalised(text).split()
    is_request = len(words) <= MAX_SILENCING_WORDS and NO_REQUEST.isdisjoint(words[:1])
    return is_request and SILENCING.search(text) is not None


def _kind_of_query(query: Query) -> str:
    if len(query.text.split()) <= 3:
        return "short_query"
    return "spoken_command" if query.source == "slurp" else "service_query"


def dialogue_pieces(corpora: Corpora) -> Iterator[Piece]:
    """User turns of task dialogues, each behind the turns that led to it."""
    for dialogue in corpora.dialogues:
        for place, turn in enumerate(dialogue):
            if turn.is_user and (labelled := _label_turn(turn, dialogue[:place])) is not None:
                label, category = labelled
                context = tuple(
                    Turn("user" if past.is_user else "assistant", past.text)
                    for past in dialogue[max(0, place - MAX_CONTEXT_TURNS) : place]
                )
                yield Piece(turn.text, label, category, "sgd", context)


def _label_turn(turn: DialogueTurn, past: Sequence[DialogueTurn]) -> tuple[State, str] | None:
    """What a user turn is; None where the acts leave it open."""
    acts = turn.acts
    asked = bool(past) and past[-1].text.rstrip().endswith("?")
    if acts & REQUEST_ACTS:
        return State.QUERY, "task_request"
    if acts & FOLLOW_UP_ACTS:
        return State.QUERY, "follow_up"
    if {"NEGATE", "INFORM"} <= acts:
        return State.QUERY, "correction"
    if "INFORM" in acts or (acts & {"AFFIRM", "AFFIRM_INTENT"} and asked):
        return State.QUERY, "answer"
    if acts <= CLOSING_ACTS and acts & {"THANK_YOU", "GOODBYE"}:
        return State.NON_QUERY, "thanks"
    if acts == {"SELECT"} and not asked:
        return State.NON_QUERY, "agreement"
    return None


def meeting_pieces(corpora: Corpora) -> Iterator[Piece]:
    """Backchannels, filled pauses, break-offs, and statements that were meant for others."""
    for line in corpora.meetings:
        labelled = _label_line(line)
        if labelled is not None:
            yield Piece(line.text, *labelled, "mrda")


FILLED = word_set("um uh er erm hmm hm mmm uhm ah eh mm")
LISTENING = word_set(
    """yeah okay right uhhuh oh yes yep no sure huh mmhmm alright ok really well hmm mm-hmm uh-huh
    good great wow ah cool nope true exactly"""
)


LEADING = word_set("and so but i mean you know like because or")
TRAILING = word_set("or and right okay uh um so but yeah like the a an")
ASKING = word_set(
    """what what's which who who's where where's when why how how's is are was do does did can could
    would will should have has"""
)


def _label_line(line: MeetingLine) -> tuple[State, str] | None:
    words = normalised(line.text).split()
    if not words:
        return None
    if all(word in FILLED for word in words):
        return State.NON_QUERY, "filled_pause"
    if line.basic == "B" or (line.full in ("b", "bk", "ba", "aa") and len(words) <= 4):
        broken = line.basic == "D" or len(words) > 6
        return None if broken else (State.NON_QUERY, "backchannel")
    if (
        line.basic == "D"
        and len(words) >= 2
        and line.text[-1] not in ".?!"
        and not set(words) <= LISTENING | FILLED | LEADING
    ):
        return State.INCOMPLETE, "break_off"
    if line.basic == "Q" and line.full in QUESTION_TAGS and is_open_question(line.text, words):
        return State.QUERY, "spoken_question"
    if line.basic == "S" and line.full in ("s", "rt", "e", "df") and _is_about_others(words):
        return State.NON_QUERY, "background"
    return None


def is_open_question(text: str, words: Sequence[str]) -> bool:
    """A question that one may put to anybody: it begins like one and does not trail off."""
    opening = [word for word in words if word not in FILLED | LEADING | LISTENING][:1]
    return (
        text.endswith("?")
        and 4 <= len(words) <= 16
        and bool(opening)
        and opening[0] in ASKING
        and words[-1] not in TRAILING
    )


def _is_about_others(words: Sequence[str]) -> bool:
    """A statement that nobody would make to an assistant: long, and about neither of the two."""
    return len(words) >= 6 and not {"i", "i'm", "i'll", "i've", "i'd", "you", "my", "you're"} & {
        *words
    }


def sentence_pieces(corpora: Corpora) -> Iterator[Piece]:
    """Encyclopaedic text: addressed to nobody."""
    for text in corpora.sentences:
        if len(text.split()) >= 4:
            yield Piece(" ".join(text.split()), State.NON_QUERY, "background", "wikipedia")


def repaired_pieces(corpora: Corpora) -> Iterator[Piece]:
    """Questions with a correction in them, and now and then as they were meant."""
    for question in corpora.repaired:
        yield Piece(question.disfluent, State.QUERY, "repaired_question", question.source)
        if is_held_out(question.original, PLAIN_QUESTIONS_SHARE):
            yield Piece(question.original, State.QUERY, "repaired_question", question.source)
