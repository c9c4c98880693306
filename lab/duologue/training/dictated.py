"""Numbers and names said piece by piece behind the question for them: unfinished until the last
piece is there.
"""

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


_NAMES = (
    "henderson", "okafor", "lindqvist", "marsh", "ferrante", "patel", "novak", "whitfield", "lee",
    "castellano", "abernathy", "yilmaz", "delgado", "fischer", "rahman", "kowalski", "smith",
    "bianchi", "hughes", "jones", "nguyen", "kovacs", "taylor", "clarke", "brown", "ramos",
    "anderson", "murphy", "garcia", "schmidt", "rossi", "kim", "oliveira", "petrov", "dubois",
)  # fmt: skip
_SPELLING_QUESTIONS = (
    "How do you spell that?", "Could you spell your surname for me?", "Can you spell that, please?",
    "And how is that spelled?", "Would you spell the last name?", "Please spell the street name.",
)  # fmt: skip
_SEPARATORS = (" ", " ", " ", ", ", "-", "-", ". ")
FIGURES_SHARE = 0.3
SPELLED_SHARE = 0.25
CODED_SHARE = 0.2
COUNTED_SHARE = 0.3

# Letters and digits in turn: A for a letter, 0 for a digit.
_CODES = {
    ("What's the postcode?", "And your postcode, please?", "Can you tell me the postcode there?"):
        ("AA00AA", "A000AA", "AA000AA", "A00AA", "AA0A0AA"),
    ("What's on the number plate?", "May I have the registration of the car?"):
        ("AA00AAA", "A000AAA", "AAA0000"),
    ("What's the flight number?", "Which flight is it?"): ("AA0000",),
    ("What's the booking code? Six letters or figures.", "And the six character code?"):
        ("AAA000", "A0AA0A", "AAAAAA", "00AAA0"),
}  # fmt: skip
_LETTERS = "abcdefghjklmnoprstuvwxyz"
_COUNTS = {
    3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten",
    11: "eleven", 12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen", 16: "sixteen",
}  # fmt: skip
_COUNTED_QUESTIONS = (
    "Please read me the {count} digits on the label.", "What are the {count} digits?",
    "May I have the {count} digit number?", "It's a number of {count} digits; what is it?",
    "And the reference? It's {count} digits long.", "Your {count} digit policy number, please?",
    "Can you tell me the contract number, all {count} digits?",
)  # fmt: skip

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
    _Kind(
        ("What's the four digit code?", "The four digits on the back, please?",
         "Please tell me the last four digits."),
        ((2, 2), (1, 3), (4,)),
    ),
    _Kind(
        ("What's the order number? It has seven digits.", "The seven digits of your order?",
         "May I have the seven digit booking number?"),
        ((3, 4), (2, 2, 3), (3, 2, 2)),
    ),
    _Kind(
        ("Could you read me the ten digit reference?", "The reference has ten digits; which?"),
        ((3, 3, 4), (2, 4, 4), (5, 5)),
    ),
)  # fmt: skip


def whole_number(category: str) -> Draw:
    """Draw a number or a spelled name to its last piece, which is an answer."""
    return _drawing(State.QUERY, category)


def begun_number(category: str) -> Draw:
    """Draw the first pieces of a number or of a spelled name, which is unfinished."""
    return _drawing(State.INCOMPLETE, category)


def _drawing(label: State, category: str) -> Draw:
    def draw(rng: Random) -> Piece:
        chance = rng.random()
        if chance < SPELLED_SHARE:
            said = _spelled
        else:
            said = _coded if chance < SPELLED_SHARE + CODED_SHARE else _dictated
        question, text = said(rng, is_whole=label is State.QUERY)
        context = (Turn("assistant", question),)
        return Piece(rng.choice(_OPENINGS) + text, label, category, SOURCE, context, False)

    return draw


def _dictated(rng: Random, *, is_whole: bool) -> tuple[str, str]:
    """A question and digits in groups, in words or in figures."""
    kinds = [kind for kind in _KINDS if is_whole or max(map(len, kind.groups)) > 1]
    kind = _counted(rng) if rng.random() < COUNTED_SHARE else rng.choice(kinds)
    groups = rng.choice([groups for groups in kind.groups if is_whole or len(groups) > 1])
    count = len(groups) if is_whole else rng.randrange(1, len(groups))
    say = _figures if rng.random() < FIGURES_SHARE else _words
    said = [say(length, rng) for length in groups[:count]]
    return rng.choice(kind.questions), rng.choice((" ", " ", ", ")).join(said)


def _counted(rng: Random) -> _Kind:
    """A number of which the question says how many digits it has."""
    count = rng.choice(sorted(_COUNTS))
    groups, left = [], count
    while left:
        # Never one group for all of it: somebody who stops within has to stop between two.
        groups.append(rng.randint(1, min(left, 4, count - 1)))
        left -= groups[-1]
    question = rng.choice(_COUNTED_QUESTIONS).format(count=_COUNTS[count])
    return _Kind((question,), (tuple(groups),))


def _coded(rng: Random, *, is_whole: bool) -> tuple[str, str]:
    """A question and a code of letters and digits, to its end or to before its last sign."""
    questions = rng.choice(list(_CODES))
    pattern = rng.choice(_CODES[questions])
    said = pattern if is_whole else pattern[: rng.randrange(1, len(pattern))]
    is_figures = rng.random() < FIGURES_SHARE
    signs = [
        rng.choice(_LETTERS) if sign == "A" else (_figures if is_figures else _words)(1, rng)
        for sign in said
    ]
    return rng.choice(questions), " ".join(signs)


def _spelled(rng: Random, *, is_whole: bool) -> tuple[str, str]:
    """A question and a name letter by letter."""
    name = rng.choice(_NAMES)
    letters = name if is_whole else name[: rng.randrange(1, max(2, len(name) - 1))]
    if rng.random() < 0.5:
        letters = letters.upper()
    return rng.choice(_SPELLING_QUESTIONS), rng.choice(_SEPARATORS).join(letters)


def _figures(length: int, rng: Random) -> str:
    return "".join(str(rng.randrange(10)) for _ in range(length))


def _words(length: int, rng: Random) -> str:
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
