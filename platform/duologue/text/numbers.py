"""English number words as the numbers they say, group by group."""

from collections.abc import Sequence
from dataclasses import dataclass

_COUNTED = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNITS = {word: value for value, word in enumerate(_COUNTED[:9], start=1)}
_BELOW_HUNDRED = {word: value for value, word in enumerate(_COUNTED, start=1)} | {
    word: 10 * value for value, word in enumerate(_TENS, start=2)
}
ZEROS = frozenset(("zero", "oh", "nought"))
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINALS = {
    "first": "one",
    "second": "two",
    "third": "three",
    "fifth": "five",
    "eighth": "eight",
    "ninth": "nine",
    "twelfth": "twelve",
    **{f"{word}th": word for word in (*_COUNTED, "hundred", *_SCALES)},
    **{f"{word[:-1]}ieth": word for word in _TENS},
}
_HUNDRED = "hundred"
_MAX_WORDS = 32
"""No number has more."""
_MAX_DIGITS = 15
"""No scale is multiplied with longer ones."""


@dataclass(frozen=True, slots=True)
class Group:
    """One number in a row of words: as its digits, and how many of the words it takes."""

    digits: str
    num_words: int


def cardinal(word: str) -> str:
    """The number word that an ordinal is made of; any other word as it is."""
    return _ORDINALS.get(word, word)


def is_number_word(word: str) -> bool:
    """Whether the word can be part of a number written in words."""
    word = cardinal(word)
    return word in _BELOW_HUNDRED or word in ZEROS or word == _HUNDRED or word in _SCALES


def group_at(words: Sequence[str], start: int) -> Group | None:
    """The longest number that begins with the word at `start`: "two thousand and five", "23".

    Words that only follow each other ("seven thirty", "five five") are several groups. "oh" is a
    zero here, so who asks must know that it stands among numbers.
    """
    if start >= len(words) or not _can_begin(words[start]):
        return None
    words = words[start : start + _MAX_WORDS]
    if cardinal(words[0]) in ZEROS:
        return Group("0", 1)
    if words[0].isdecimal() and (len(words[0]) > _MAX_DIGITS or _scale_at(words, 1) == 1):
        return Group(words[0], 1)
    return _scaled(words)


def _can_begin(word: str) -> bool:
    word = cardinal(word)
    return word in _BELOW_HUNDRED or word == "a" or word in ZEROS or word.isdecimal()


def _scaled(words: Sequence[str]) -> Group | None:
    """A number of any size, from the greatest scale down."""
    total, used, limit = 0, 0, max(_SCALES.values()) * 1000
    while True:
        skipped = used + _num_joining(words, used, used > 0)
        part = _below_thousand(words, skipped)
        if part is None:
            break
        digits, end = part
        scale = _scale_at(words, end)
        if scale >= limit or (used and int(digits) >= limit):
            break
        total, limit = total + int(digits) * scale, scale
        used = end + (scale > 1)
        if scale == 1 or cardinal(words[used - 1]) != words[used - 1]:
            break
    if not used:
        return None
    return Group(str(total), used)


def _scale_at(words: Sequence[str], place: int) -> int:
    return _SCALES.get(cardinal(words[place]), 1) if place < len(words) else 1


def _below_thousand(words: Sequence[str], place: int) -> tuple[str, int] | None:
    """A number up to 999, or one written in digits, and the place behind it."""
    if place >= len(words):
        return None
    if words[place].isdecimal() and len(words[place]) <= _MAX_DIGITS:
        return words[place], place + 1
    if words[place] == "a" and place + 1 < len(words):
        is_one = cardinal(words[place + 1]) in (_HUNDRED, *_SCALES)
        value, end = (1, place + 1) if is_one else (0, place)
    else:
        value, end = _below_hundred(words, place)
    if end == place:
        return None
    if end < len(words) and cardinal(words[end]) == _HUNDRED and value < 100:
        value, end = value * 100, end + 1
        rest, after = _below_hundred(words, end + _num_joining(words, end, True))
        if rest and cardinal(words[end - 1]) == words[end - 1]:
            value, end = value + rest, after
    return str(value), end


def _below_hundred(words: Sequence[str], place: int) -> tuple[int, int]:
    """A number up to 99 in words and the place behind it; 0 and the same place if there is none."""
    if place >= len(words):
        return 0, place
    value = _BELOW_HUNDRED.get(cardinal(words[place]), 0)
    if not value:
        return 0, place
    is_ten = words[place] in _TENS and place + 1 < len(words)
    unit = _UNITS.get(cardinal(words[place + 1]), 0) if is_ten else 0
    return (value + unit, place + 2) if unit else (value, place + 1)


def _num_joining(words: Sequence[str], place: int, is_inside: bool) -> int:
    """One if there is an "and" inside a number at that place."""
    is_joined = is_inside and place + 1 < len(words) and words[place] == "and"
    return int(is_joined and is_number_word(words[place + 1]))
