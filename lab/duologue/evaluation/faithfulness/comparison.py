"""Replies compared with those of the unmodified model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from duologue.evaluation.faithfulness.course import CourseReplies
from duologue.evaluation.faithfulness.reference import Reference
from duologue.evaluation.faithfulness.reply import Reply, difference
from duologue.evaluation.metrics import Share
from duologue.states import State


@dataclass(frozen=True, slots=True)
class Departure:
    """A reply that is not what the unmodified model says."""

    number: int
    """Of the prompt, from 1."""
    prompt: str
    place: int
    """The first token that differs, from 0."""
    said: int | None
    """None when the reply was over there."""
    expected: int | None
    margin: float
    """By how many logits the model prefers what it expects; rounding can tip what is near 0."""

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "prompt": self.prompt,
            "place": self.place,
            "said": self.said,
            "expected": self.expected,
            "margin": round(self.margin, 6),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """One course against the reference."""

    answers: CourseReplies
    departures: Sequence[Departure]

    @property
    def equal(self) -> Share:
        """Of all replies, those that are equal as far as they went."""
        total = len(self.answers.replies)
        return Share(total - len(self.departures), total)

    @property
    def whole(self) -> Share:
        """Of all replies, those that nothing cut off."""
        return Share.of(not reply.is_interrupted for reply in self.answers.replies)

    @property
    def num_tokens(self) -> int:
        """Tokens that were compared."""
        return sum(len(reply.tokens) for reply in self.answers.replies)

    @property
    def ignored(self) -> Share:
        """Of the decisions about disturbances, those that let the reply go on."""
        decisions = self.answers.decisions
        return Share(decisions[State.NON_QUERY], decisions.total())

    def to_json(self) -> dict[str, Any]:
        return {
            "equal": self.equal.to_json(),
            "whole": self.whole.to_json(),
            "tokens": self.num_tokens,
            "disturbances": {
                "ignored": self.ignored.to_json(),
                "decided": {str(s): n for s, n in self.answers.decisions.most_common()},
            },
            "forwards": self.answers.num_forwards,
            "rows": self.answers.num_rows,
            "departures": [each.to_json() for each in self.departures],
        }


def compare(
    reference: Reference,
    prompts: Sequence[str],
    expected: Sequence[Reply],
    answers: CourseReplies,
) -> Comparison:
    """Find every reply that departs from the reference."""
    departures = []
    replies = zip(prompts, answers.replies, expected, strict=True)
    for number, (prompt, reply, model_reply) in enumerate(replies, start=1):
        place = difference(reply, model_reply)
        if place is None:
            continue
        departures.append(
            Departure(
                number=number,
                prompt=prompt,
                place=place,
                said=_at(reply, place),
                expected=_at(model_reply, place),
                margin=reference.margin(prompt, model_reply.tokens[:place]),
            )
        )
    return Comparison(answers, departures)


def _at(reply: Reply, place: int) -> int | None:
    return reply.tokens[place] if place < len(reply.tokens) else None
