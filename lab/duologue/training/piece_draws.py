"""From which material the pieces of each category are drawn, and how it is mixed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from duologue.states import State
from duologue.training.asking import Questions
from duologue.training.contexts import Contexts
from duologue.training.corpora.records import Corpora
from duologue.training.dictated import begun_number, whole_number
from duologue.training.grammar import Grammar
from duologue.training.pieces import (
    Draw,
    Piece,
    chosen,
    composed,
    dialogue_pieces,
    in_turn,
    meeting_pieces,
    query_pieces,
    repaired_pieces,
    sentence_pieces,
)
from duologue.training.quotas import BOUND_TO_CONTEXT
from duologue.training.sample import Turn
from duologue.training.service_pieces import service_pieces
from duologue.training.talk_pieces import talk_pieces

BETWEEN = "~"
OPENING_IN_FRONT_SHARE = 0.4
BEHIND_TOLD_SHARE = 0.65
ACCEPTANCE_SHARE = 0.35
ACKNOWLEDGED_SHARE = 0.4

# How much of a category is composed where there is real material too.
COMPOSED_SHARES: Mapping[str, float] = {
    "statement": 1.0, "backchannel": 0.35, "thanks": 0.4, "agreement": 0.8, "filled_pause": 0.6,
    "background": 0.25, "aside": 0.75, "hold": 0.97, "correction": 0.5, "follow_up": 0.5,
    "short_query": 0.65, "spoken_answer": 0.0,
}  # fmt: skip

WRITTEN_SHARE = 0.6
"""Of each category for which some were written one by one, before what is composed or real."""

WITHOUT_REAL_SHARE = frozenset(("hold", "aside"))
"""Corpora have a handful of requests for silence, and of talk for others only a chat room's."""

GREETINGS = (
    "Hi", "Hello", "Hi there", "Good morning", "Good evening", "Excuse me", "Hey", "Thanks",
    "Great", "Ok great", "Sounds good", "Perfect, thank you", "Good afternoon",
    "Sorry to bother you",
)  # fmt: skip
ACKNOWLEDGED = (
    "Okay.", "Sure, take your time.", "All right, I'm waiting.", "I'll be here.", "Certainly.",
    "Tell me when I may go on.", "Fine, just say the word.", "Yes.", "I'll be quiet.",
)  # fmt: skip
COMPOSED_NON_QUERIES = (
    "backchannel", "thanks", "filled_pause", "vocal_tic", "background", "aside", "retraction",
)  # fmt: skip
_READERS = (
    query_pieces, dialogue_pieces, meeting_pieces, sentence_pieces, service_pieces, talk_pieces,
    repaired_pieces,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Material:
    """The pieces, grammars and contexts of one split."""

    pieces: Mapping[str, Sequence[Piece]]
    written: Mapping[str, Sequence[Piece]]
    phrases: Mapping[str, Grammar]
    contexts: Contexts
    questions: Questions

    @classmethod
    def of(
        cls, corpora: Corpora, phrases: Mapping[str, Grammar], written: Iterable[Piece]
    ) -> "Material":
        found = _by_category(piece for reader in _READERS for piece in reader(corpora))
        contexts = Contexts(corpora, phrases["query"], phrases["told"])
        questions = Questions.of(corpora.dialogues)
        return cls(found, _by_category(written), phrases, contexts, questions)

    def draws(self, real_share: float = 0.0) -> dict[str, Draw]:
        """What is drawn for each category for which there is anything.

        Where corpora have enough of a category, at least such a share of it is theirs, at the
        cost of what is composed before what was written.
        """
        phrases = self.phrases
        composing: dict[str, Draw] = {
            "open_request": composed(phrases["query"], State.QUERY, "open_request"),
            "short_query": composed(phrases["short_query"], State.QUERY, "short_query"),
            "follow_up": self._follow_up(),
            "correction": self._correction(),
            "interruption": self._interruption(),
            "statement": composed(phrases["statement"], State.QUERY, "statement"),
            "short_answer": self._short_answer(),
            "agreement_answer": self._agreement_answer(),
            "go_on": self._go_on(),
            "agreement": self._agreement(),
            "whole_number": whole_number("whole_number"),
            "number_group": begun_number("number_group"),
            "hold": composed(phrases["hold"], State.HOLD, "hold"),
        }
        for name in COMPOSED_NON_QUERIES:
            composing[name] = composed(phrases[name], State.NON_QUERY, name)
        draws = {
            name: self._mixed(name, composing.get(name), real_share)
            for name in {*composing, *self.pieces, *self.written}
        }
        if (two := self._two_sentences()) is not None:
            draws["two_sentences"] = two
        return dict(sorted(draws.items()))

    def _mixed(self, category: str, composing: Draw | None, real_share: float) -> Draw:
        draws = composing
        pieces = self.pieces.get(category, ())
        if pieces:
            share = COMPOSED_SHARES.get(category, 0.5)
            draws = _either(composing, chosen(pieces), share)
        least = real_share if pieces and category not in WITHOUT_REAL_SHARE else 0.0
        if written := self.written.get(category, ()):
            told = in_turn(written)
            draws = told if draws is None else _either(told, draws, _of_the_rest(least))
        assert draws is not None, category
        return _either(chosen(pieces), draws, least) if least else draws

    def _follow_up(self) -> Draw:
        return self._behind_turns("follow_up", "follow_up")

    def _correction(self) -> Draw:
        return self._behind_turns("correction", "correction")

    def _behind_turns(self, grammar: str, category: str) -> Draw:
        phrases = self.phrases[grammar]

        def draw(rng: Random) -> Piece:
            context = self.contexts.past_turns(rng)
            return Piece(phrases.draw(rng), State.QUERY, category, "composed", context)

        return draw

    def _short_answer(self) -> Draw:
        """A question and its answer from one template."""
        phrases = self.phrases["answer"]

        def draw(rng: Random) -> Piece:
            question, _, text = phrases.draw(rng).partition(BETWEEN)
            context = (Turn("assistant", question.strip()),)
            return Piece(text.strip(), State.QUERY, "short_answer", "composed", context, False)

        return draw

    def _agreement(self) -> Draw:
        """Behind something that was told, as a rule: nobody asked."""
        phrases = self.phrases["agreement"]

        def draw(rng: Random) -> Piece:
            behind = rng.random() < BEHIND_TOLD_SHARE
            context = self.contexts.past_turns(rng, asking=False) if behind else None
            return Piece(phrases.draw(rng), State.NON_QUERY, "agreement", "composed", context)

        return draw

    def _agreement_answer(self) -> Draw:
        """The words of an agreement, or such as only accept or refuse, behind their question."""
        agreement, acceptance = self.phrases["agreement"], self.phrases["acceptance"]

        def draw(rng: Random) -> Piece:
            context = self.questions.closed(rng)
            text = (acceptance if rng.random() < ACCEPTANCE_SHARE else agreement).draw(rng)
            return Piece(text, State.QUERY, "agreement_answer", "composed", context, False)

        return draw

    def _go_on(self) -> Draw:
        """Behind a request for silence that had stopped a reply."""
        phrases, hold = self.phrases["go_on"], self.phrases["hold"]

        def draw(rng: Random) -> Piece:
            context = (*self.contexts.past_turns(rng), Turn("user", hold.draw(rng)))
            if rng.random() < ACKNOWLEDGED_SHARE:
                context = (*context, Turn("assistant", rng.choice(ACKNOWLEDGED)))
            return Piece(phrases.draw(rng), State.QUERY, "go_on", "composed", context, False)

        return draw

    def _interruption(self) -> Draw:
        """A composed one, or an opening of one in front of a corpus query, during a reply."""
        grammar = self.phrases["interruption"]
        queries = self._some("service_query", "spoken_command")

        def draw(rng: Random) -> Piece:
            text = grammar.draw(rng)
            if queries and rng.random() < OPENING_IN_FRONT_SHARE:
                opening = grammar.expand(rng.choice(("<break>", "<break>,", "{}")), rng)
                text = f"{opening} {rng.choice(queries).text}".strip()
            return Piece(text, State.QUERY, "interruption", "composed", None, speaking=True)

        return draw

    def _two_sentences(self) -> Draw | None:
        """What the matter is, or a greeting, and then the query that it leads to."""
        grammar = self.phrases["statement"]
        queries = self._some("service_query", "task_request", "spoken_command")
        if not queries:
            return None

        def draw(rng: Random) -> Piece:
            first = rng.choice(GREETINGS) if rng.random() < 0.6 else grammar.draw(rng)
            query = rng.choice(queries)
            text = f"{first}{rng.choice('..!,')} {query.text}"
            return Piece(text, State.QUERY, "two_sentences", query.source, ())

        return draw

    def _some(self, *categories: str) -> list[Piece]:
        return [piece for name in categories for piece in self.pieces.get(name, ())]


def _by_category(pieces: Iterable[Piece]) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.category, []).append(piece)
    return found


def _of_the_rest(taken: float) -> float:
    """How often what was written is drawn where so much has been drawn otherwise before."""
    return min(1.0, WRITTEN_SHARE / (1.0 - taken)) if taken < 1.0 else 1.0


def _either(one: Draw | None, other: Draw, share: float) -> Draw:
    """Draw from the one so often, and otherwise from the other."""
    if one is None:
        return other
    return lambda rng: one(rng) if rng.random() < share else other(rng)


def begun(piece: Piece, text: str, category: str) -> Piece:
    """The beginning of a piece, which is unfinished."""
    return replace(piece, text=text, label=State.INCOMPLETE, category=category)


def whole_texts(pieces: Mapping[str, Sequence[Piece]]) -> Iterator[str]:
    """The texts that are whole by themselves, whatever their label."""
    for category, some in pieces.items():
        if category not in BOUND_TO_CONTEXT:
            yield from (piece.text for piece in some if piece.label is not State.INCOMPLETE)
