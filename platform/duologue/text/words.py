"""The words of a text as they are compared: without case, marks and spacing."""

import unicodedata
from dataclasses import dataclass

import regex

from duologue.text.scripts import UNSPACED

_LETTERS = rf"[[\p{{L}}\p{{M}}]--[{UNSPACED}]]+"
_NUMBER = r"(?:\p{Nd}{1,3}(?:,\p{Nd}{3})+(?!\p{Nd}) | \p{Nd}+)(?:\.\p{Nd}+)?"
_TIME_OR_ORDINAL = r":00(?!\p{Nd}) | (?:[Ss][Tt]|[NnRr][Dd]|[Tt][Hh])(?!\p{L})"
_WORD = regex.compile(
    rf"""
      [a-zA-Z]++(?![\p{{L}}\p{{M}}'’ʼ])             # most words; what is below finds them later
    | (?P<number>{_NUMBER})(?:(?<!\.\p{{Nd}}+)(?:{_TIME_OR_ORDINAL}))?
    | [[{UNSPACED}]&&[\p{{L}}\p{{N}}]]\p{{M}}*
    | {_LETTERS}(?:['’ʼ]{_LETTERS})*
    | \p{{N}}
    | \p{{Emoji_Presentation}}
    """,
    regex.VERBOSE | regex.V1,
)
_APOSTROPHES = str.maketrans("’ʼ", "''")


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place in the text that it is from."""

    key: str
    """What it is compared by: in lower case, a number without its separators."""
    start: int
    end: int

    @property
    def is_number(self) -> bool:
        """Whether it is written in digits."""
        return self.key[0].isdecimal()


def words_of(text: str) -> list[Word]:
    """The words in their order: letters, numbers, emojis, but no marks.

    Digits and letters are words of their own ("7am" is two). In scripts without blanks every letter
    is a word.
    """
    return [Word(_key(found), *found.span()) for found in _WORD.finditer(text)]


def keys_of(text: str) -> tuple[str, ...]:
    """What the words of the text are compared by."""
    return tuple(word.key for word in words_of(text))


def word_set(words: str) -> frozenset[str]:
    """A set of the words that stand in a text with blanks between them."""
    return frozenset(words.split())


def _key(found: "regex.Match[str]") -> str:
    number = found["number"]
    if number is not None:
        return number.replace(",", "")
    word = found[0]
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", word).casefold().translate(_APOSTROPHES)
