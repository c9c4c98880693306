"""Two styles of writing an utterance down: as people type it, and as a recogniser hears it."""

import re
from random import Random

from duologue.training.sample import word_set

FILLERS = ("um", "uh", "er", "like", "you know", "uhm", "well", "i mean", "hmm")
OPENERS = ("so", "okay", "uh", "um", "well", "hey", "yeah", "okay so", "and", "oh", "right")

FILLER_SHARE = 0.18
OPENER_SHARE = 0.08
REPEAT_SHARE = 0.10

CAPITAL_SHARE = 0.75
ALL_SMALL_SHARE = 0.7
MARK_SHARE = 0.8
MARK_SHARE_WITHOUT_CAPITAL = 0.5
SHOUTED_SHARE = 0.08

_DIGITS = re.compile(r"(\d{1,4}(?=(?:st|nd|rd|th)\b)|\d+)(st\b|nd\b|rd\b|th\b)?")
_QUESTION_WORDS = word_set(
    """what what's whats who who's whose which where where's when when's why how how's is are am was
    were do does did can could would will shall should may might has have had isn't aren't don't
    doesn't didn't can't couldn't won't wouldn't"""
)
_BEFORE_A_QUESTION = {*OPENERS, *word_set("hi hello assistant computer ai robot there sorry great")}
_UNITS = tuple(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen""".split()  # noqa: SIM905 - reads like counting
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
             "nine": "ninth", "twelve": "twelfth"}  # fmt: skip


def as_written(text: str, rng: Random, *, whole: bool = True) -> str:
    """Typed, as carelessly as typing is: a capital and a final mark as a rule, and each without
    the other often enough that neither tells whether the text is complete. Some in capitals.

    Only a `whole` sentence gets the final mark.
    """
    text = " ".join(text.split())
    if not text:
        return text
    if rng.random() < SHOUTED_SHARE:
        return text.upper()
    has_capital = rng.random() < CAPITAL_SHARE
    if has_capital:
        text = re.sub(r"\bi\b(?=$|[\s'’,])", "I", text)
        text = text[0].upper() + text[1:]
    elif rng.random() < ALL_SMALL_SHARE:
        text = text.lower()
    mark_share = MARK_SHARE if has_capital else MARK_SHARE_WITHOUT_CAPITAL
    if whole and text[-1].isalnum() and rng.random() < mark_share:
        text += final_mark(text, rng)
    return text


def final_mark(text: str, rng: Random) -> str:
    """The mark that a typist would end this sentence with."""
    words = [word.strip(",") for word in text.lower().split()]
    opening = [word for word in words[:4] if word not in _BEFORE_A_QUESTION]
    if opening and opening[0] in _QUESTION_WORDS:
        return "?" if rng.random() < 0.92 else "."
    return rng.choices((".", "!"), (0.9, 0.1))[0]


def as_heard(text: str, rng: Random, *, disfluent: bool = True) -> str:
    """Recognised speech: no case, no punctuation, numbers as words, fillers and repeats."""
    spelled = _DIGITS.sub(lambda match: f" {spoken_number(*match.groups())} ", text.casefold())
    kept = re.sub(r"[^\w' ]+", " ", spelled.replace("’", "'").replace("$", " ").replace("_", " "))
    words = [word for word in (part.strip("'") for part in kept.split()) if word]
    if disfluent and len(words) > 2:
        words = with_disfluencies(words, rng)
    return " ".join(words)


def with_disfluencies(words: list[str], rng: Random) -> list[str]:
    """The words with, now and then, an opener, a filler or a repeated word."""
    words = list(words)
    if rng.random() < REPEAT_SHARE:
        place = rng.randrange(len(words) - 1)
        length = rng.choice((1, 1, 2))
        words[place:place] = words[place : place + length]
    if rng.random() < FILLER_SHARE:
        words.insert(rng.randrange(1, len(words)), rng.choice(FILLERS))
    if rng.random() < OPENER_SHARE:
        words.insert(0, rng.choice(OPENERS))
    return words


def spoken_number(digits: str, ordinal: str | None = None) -> str:
    """A number in words; long ones and those with a leading zero digit by digit."""
    if ordinal:
        *rest, last = _number_words(int(digits)).split()
        ending = last[:-1] + "ieth" if last.endswith("y") else last + "th"
        return " ".join([*rest, _ORDINALS.get(last, ending)])
    if len(digits) > 4 or (len(digits) > 1 and digits[0] == "0"):
        return " ".join(_UNITS[int(digit)] for digit in digits)
    return _number_words(int(digits))


def _number_words(number: int) -> str:
    if number < 20:
        return _UNITS[number]
    if number < 100:
        tens, unit = divmod(number, 10)
        return f"{_TENS[tens]} {_UNITS[unit]}" if unit else _TENS[tens]
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    high, low = divmod(number, size)
    return f"{_number_words(high)} {name}" + (f" {_number_words(low)}" if low else "")
