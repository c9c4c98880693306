"""A text as it is spoken: numbers, signs and contractions in one form, however they are written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import regex

from duologue.text.contractions import HAD_OR_WOULD, IS_OR_HAS, expansion
from duologue.text.numbers import ZEROS, Group, group_at
from duologue.text.words import Word, words_of

_SIGNS = {"%": "percent", "&": "and", "@": "at", "°": "degree", "=": "equals", "+": "plus"}
_CURRENCIES = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
_SIGN = regex.compile(
    r"[%&@°=+$€£¥]|(?<![^\s$€£(])[-−](?=\p{Nd})|\.(?=(?:com|org|net|edu|gov|io|co)\b)"
)
_ALIASES = {
    "ok": ("okay",),
    "alright": ("all", "right"),
    "mr": ("mister",),
    "mrs": ("missus",),
    "dr": ("doctor",),
    "vs": ("versus",),
}
_COUNTED = {f"{unit}s": unit for unit in ("dollar", "euro", "pound", "cent", "degree")}
_SCALES = ("hundred", "thousand", "million", "billion", "trillion")
_ALSO = {IS_OR_HAS: ("is", "has"), HAD_OR_WOULD: ("had", "would", "did")}


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word or a whole number, and its place in the text that it is from."""

    key: str
    """What it is compared by; a number's digits."""
    start: int
    end: int
    num_words: int = 1
    """How many words were written there; 0 for the further words of a contraction."""
    spelled: tuple[str, ...] = ()
    """The words of a number that has no digits."""

    @property
    def is_number(self) -> bool:
        """Whether it is a number, in words or in digits."""
        return self.key[0].isdecimal()

    def matches(self, other: "SpokenWord") -> bool:
        """Whether both are the same word, as far as writing shows it.

        Two numbers in words have to have the same words: "one two" is "12" and so is "twelve", but
        they are not the same.
        """
        if self.key != other.key:
            return other.key in _ALSO.get(self.key, ()) or self.key in _ALSO.get(other.key, ())
        return not (self.spelled and other.spelled) or self.spelled == other.spelled


@lru_cache(maxsize=32)
def spoken_words(text: str) -> tuple[SpokenWord, ...]:
    """The words of the text in the order in which they are spoken."""
    written = _written(text)
    keys = [word.key for word in written]
    spoken: list[SpokenWord] = []
    currency, place = "", 0
    while place < len(written):
        found = _number_at(written, keys, place)
        if found is not None:
            spoken.append(found[0])
            place = found[1]
        elif keys[place] in _CURRENCIES and _number_at(written, keys, place + 1):
            currency, place = _CURRENCIES[keys[place]], place + 1
            continue
        else:
            is_counted = bool(spoken) and (spoken[-1].is_number or spoken[-1].key in _SCALES)
            spoken.extend(_plain(written[place], is_counted))
            place += 1
        if currency and not (place < len(keys) and keys[place] in _SCALES):
            spoken.append(SpokenWord(currency, spoken[-1].end, spoken[-1].end, 0))
            currency = ""
    return tuple(_with_cents(spoken))


def _written(text: str) -> list[Word]:
    """Words and signs in their order."""
    signs = [
        Word(_SIGNS.get(sign, "dot" if sign == "." else "minus" if sign in "-−" else sign), *span)
        for sign, span in ((found[0], found.span()) for found in _SIGN.finditer(text))
    ]
    words = words_of(text)
    return sorted([*words, *signs], key=lambda word: word.start) if signs else words


def _plain(word: Word, is_counted: bool) -> list[SpokenWord]:
    """What is spoken for a word that is no number; nothing for the "o'clock" of a time."""
    if is_counted and word.key == "o'clock":
        return []
    if is_counted and word.key in _COUNTED:
        return [SpokenWord(_COUNTED[word.key], word.start, word.end)]
    parts = _ALIASES.get(word.key) or expansion(_CURRENCIES.get(word.key, word.key))
    return [
        SpokenWord(part, word.start, word.end, num_words=int(number == 0))
        for number, part in enumerate(parts)
    ]


def _number_at(
    written: Sequence[Word], keys: Sequence[str], start: int
) -> tuple[SpokenWord, int] | None:
    """All numbers that follow each other there as one, and the place behind them."""
    if start >= len(keys):
        return None
    if "." in keys[start]:
        word = written[start]
        return SpokenWord(word.key, word.start, word.end), start + 1
    digits, place = "", start
    while (group := _group(keys, place, is_first=place == start)) is not None:
        digits += group.digits
        place += group.num_words
    if not digits:
        return None
    if keys[place : place + 1] == ["point"] and _group(keys, place + 1, is_first=False):
        digits, place = digits + ".", place + 1
        while (group := _group(keys[: place + 1], place, is_first=False)) is not None:
            digits, place = digits + group.digits, place + 1
    spelled = _spelled(keys[start:place])
    return SpokenWord(
        digits, written[start].start, written[place - 1].end, place - start, spelled
    ), place


def _group(keys: Sequence[str], place: int, is_first: bool) -> Group | None:
    """The number there; "oh" is one only behind another."""
    is_zero = not is_first or keys[place] != "oh"
    return group_at(keys, place) if is_zero else None


def _spelled(keys: Sequence[str]) -> tuple[str, ...]:
    if any(key.isdecimal() for key in keys):
        return ()
    names = ("one" if key == "a" else "zero" if key in ZEROS else key for key in keys)
    return tuple(name for name in names if name != "and")


def _with_cents(spoken: Sequence[SpokenWord]) -> list[SpokenWord]:
    """Five dollars and fifty cents become 5.50 dollars."""
    joined: list[SpokenWord] = []
    place = 0
    while place < len(spoken):
        keys = [word.key for word in spoken[place : place + 5]]
        num_and = int(keys[2:3] == ["and"])
        cents = "".join(keys[2 + num_and : 3 + num_and])
        is_money = keys[0].isdecimal() and keys[1:2] in (["dollar"], ["euro"])
        if (
            is_money
            and keys[3 + num_and :][:1] == ["cent"]
            and cents.isdecimal()
            and len(cents) < 3
        ):
            end = spoken[place + 3 + num_and].end
            num_words = sum(word.num_words for word in spoken[place : place + 4 + num_and])
            amount = replace(
                spoken[place],
                key=f"{keys[0]}.{cents:0>2}",
                spelled=(),
                num_words=num_words,
                end=end,
            )
            joined += [amount, replace(spoken[place + 1], end=end, num_words=0)]
            place += 4 + num_and
        else:
            joined.append(spoken[place])
            place += 1
    return joined
