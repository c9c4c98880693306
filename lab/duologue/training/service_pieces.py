"""User turns of booking lines and banks: requests, and answers behind the question for them."""

from collections.abc import Iterator
from random import Random

from duologue.states import State
from duologue.training.asking import Questions
from duologue.training.corpora.records import Corpora, ServiceTurn
from duologue.training.pieces import Piece
from duologue.training.sample import Turn, normalised, word_set

MAX_BARE_WORDS = 5
ANSWERING = frozenset(("affirm", "deny", "acknowledge", "dont_know"))
CLOSING = frozenset(("thank", "end_call"))
_THANKING = word_set("thank thanks cheers bye goodbye")


def service_pieces(corpora: Corpora) -> Iterator[Piece]:
    """Each turn as a request or as an answer; what could be either is left out."""
    questions = Questions.of(corpora.dialogues)
    for turn in corpora.service_turns:
        piece = _labelled(turn, questions, Random(turn.text))
        if piece is not None:
            yield piece


def _labelled(turn: ServiceTurn, questions: Questions, rng: Random) -> Piece | None:
    words = normalised(turn.text).split()
    if not words:
        return None
    if turn.intents and turn.intents <= CLOSING:
        return Piece(turn.text, State.NON_QUERY, "thanks", turn.source)
    if turn.intents & ANSWERING:
        return _answer(turn, questions.closed(rng) if rng.random() < 0.7 or not turn.slots else
                       questions.for_slots(turn.slots, rng))  # fmt: skip
    if turn.requested:
        return _answer(turn, questions.for_slots(turn.requested, rng))
    if turn.slots and not turn.intents and len(words) <= MAX_BARE_WORDS:
        return _answer(turn, questions.for_slots(turn.slots, rng))
    if not turn.intents and (set(words) & _THANKING or len(words) < 3):
        return None
    if turn.intents:
        category = "short_query" if len(words) <= 3 else "service_query"
    else:
        category = "task_request"
    return Piece(turn.text, State.QUERY, category, turn.source)


def _answer(turn: ServiceTurn, context: tuple[Turn, ...]) -> Piece:
    return Piece(turn.text, State.QUERY, "answer", turn.source, context)
