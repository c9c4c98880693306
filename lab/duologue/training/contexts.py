"""What may stand before an utterance: nothing, finished turns, or a reply in progress."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from duologue.training.corpora.records import Corpora
from duologue.training.grammar import Grammar
from duologue.training.sample import Turn

MAX_REPLY_SENTENCES = 2
TOLD_SHARE = 0.5
LAST_ALONE_SHARE = 0.35
"""How often an assistant's turn stands alone, as questions before answers do: the number of turns
tells no label either."""
ROWS_PER_CONTEXT = 5
"""How many samples share a context, on the average: what stands before them tells no label."""
_REPLY_OPENINGS = ("", "", "", "Sure! ", "Of course. ", "Certainly. ", "Yes, ", "Good question. ")


@dataclass(frozen=True, slots=True)
class Contexts:
    """Draws dialogue contexts from real task dialogues, real queries and encyclopaedic replies.

    A context is drawn several times, for samples of all labels. Training computes it once.
    """

    corpora: Corpora
    questions: Grammar
    told: Grammar
    """What an assistant says without asking."""
    _drawn: dict[str, list[tuple[Turn, ...]]] = field(default_factory=dict)

    def past_turns(self, rng: Random, *, asking: bool = True) -> tuple[Turn, ...]:
        """One or two finished exchanges, or their last turn; not `asking`: that does not end with a
        question."""
        kind = "asking" if asking else "telling"
        return self._shared(kind, rng, lambda: self._past_turns(rng, asking=asking))

    def _shared(
        self, kind: str, rng: Random, draw: Callable[[], tuple[Turn, ...]]
    ) -> tuple[Turn, ...]:
        drawn = self._drawn.setdefault(kind, [])
        if drawn and rng.randrange(ROWS_PER_CONTEXT):
            return rng.choice(drawn)
        drawn.append(draw())
        return drawn[-1]

    def _past_turns(self, rng: Random, *, asking: bool) -> tuple[Turn, ...]:
        turns = self._exchanges(rng)
        if not asking and turns[-1].text.endswith("?"):
            turns = (*turns[:-1], Turn("assistant", self.told.draw(rng)))
        return turns[-1:] if rng.random() < LAST_ALONE_SHARE else turns

    def _exchanges(self, rng: Random) -> tuple[Turn, ...]:
        if self.corpora.dialogues and rng.random() < 0.45:
            dialogue = rng.choice(self.corpora.dialogues)
            ends = [place for place, turn in enumerate(dialogue) if place and not turn.is_user]
            if ends:
                end = rng.choice(ends) + 1
                begin = max(0, end - rng.choice((2, 2, 3)))
                return tuple(
                    Turn("user" if turn.is_user else "assistant", turn.text)
                    for turn in dialogue[begin:end]
                )
        exchanges = [self._exchange(rng) for _ in range(rng.choice((1, 1, 1, 2)))]
        return tuple(turn for exchange in exchanges for turn in exchange)

    def running_reply(self, rng: Random) -> tuple[Turn, ...]:
        """Turns that end with the question to which a reply is being spoken."""
        return self._shared("speaking", rng, lambda: self._running_reply(rng))

    def _running_reply(self, rng: Random) -> tuple[Turn, ...]:
        past = self._past_turns(rng, asking=True) if rng.random() < 0.3 else ()
        return (*past, self._question(rng))

    def _exchange(self, rng: Random) -> tuple[Turn, Turn]:
        return self._question(rng), Turn("assistant", self._reply(rng))

    def _question(self, rng: Random) -> Turn:
        if self.corpora.queries and rng.random() < 0.5:
            text = rng.choice(self.corpora.queries).text
        else:
            text = self.questions.draw(rng)
        if rng.random() < 0.5:
            text = text[0].upper() + text[1:] + rng.choice("?.")
        return Turn("user", text)

    def _reply(self, rng: Random) -> str:
        if not self.corpora.sentences or rng.random() < TOLD_SHARE:
            return self.told.draw(rng)
        number = rng.randint(1, MAX_REPLY_SENTENCES)
        sentences = [" ".join(rng.choice(self.corpora.sentences).split()) for _ in range(number)]
        text = " ".join(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences)
        ending = rng.choice(("", "", "", " Do you have any other questions?"))
        return rng.choice(_REPLY_OPENINGS) + text + ending
