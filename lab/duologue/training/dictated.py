"""Numbers said in groups behind the question for them: unfinished until the last group is there."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from duologue.states import State
from duologue.training.pieces import Draw, Piece
from duologue.training.sample import Turn

SOURCE = "composed"
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_OPENINGS = ("", "", "", "it's ", "yeah it's ", "uh ", "sure ", "okay ", "that's ", "um it's ")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A number whose length everybody knows, in the groups in which people say it."""

    questions: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]


_KINDS = (
    _Kind(
        ("What's your phone number?", "On which number can we reach you?", "Your number, please?",
         "Can I have a phone number for you?"),
        ((3, 3, 4), (5, 6), (5, 3, 3), (4, 3, 4), (3, 4, 4), (3, 2, 2, 3)),
    ),
    _Kind(
        ("What's the long number on your card?", "Could you read me the card number?",
         "And the sixteen digits of the card?"),
        ((4, 4, 4, 4),),
    ),
    _Kind(
        ("What's your account number?", "May I have your eight digit account number?"),
        ((4, 4), (2, 2, 2, 2), (3, 3, 2)),
    ),
    _Kind(
        ("What's the sort code?", "And the sort code, please?", "The six digits that we sent you?",
         "Please read out the six digit code."),
        ((2, 2, 2), (3, 3)),
    ),
    _Kind(
        ("What's your date of birth, in digits?", "Your birthday as day, month and year?"),
        ((2, 2, 4),),
    ),
)  # fmt: skip


def whole_number(category: str) -> Draw:
    """Draw a number to its last digit, which is an answer."""
    return _drawing(lambda groups, rng: len(groups), State.QUERY, category)


def begun_number(category: str) -> Draw:
    """Draw the first groups of a number, which is unfinished."""
    return _drawing(lambda groups, rng: rng.randrange(1, len(groups)), State.INCOMPLETE, category)


def _drawing(
    how_many: Callable[[tuple[int, ...], Random], int], label: State, category: str
) -> Draw:
    def draw(rng: Random) -> Piece:
        kind = rng.choice(_KINDS)
        groups = rng.choice(kind.groups)
        said = [_group(length, rng) for length in groups[: how_many(groups, rng)]]
        text = rng.choice(_OPENINGS) + rng.choice((" ", " ", ", ")).join(said)
        return Piece(
            text, label, category, SOURCE, (Turn("assistant", rng.choice(kind.questions)),), False
        )

    return draw


def _group(length: int, rng: Random) -> str:
    """So many digits, in words: as figures they would be read as one number."""
    words: list[str] = []
    digits = [rng.randrange(10) for _ in range(length)]
    while digits:
        digit = digits.pop(0)
        if digits and digits[0] == digit and rng.random() < 0.5:
            digits.pop(0)
            words.append("double " + _DIGITS[digit])
        else:
            words.append("oh" if digit == 0 and rng.random() < 0.4 else _DIGITS[digit])
    return " ".join(words)
