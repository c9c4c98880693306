"""Two neighbouring pieces of text as one, with a blank between them where one belongs."""

import unicodedata

import regex

from duologue.text.scripts import is_ideographic, is_unspaced

_QUOTES = "\"'“”„‟‘’‚‛«»‹›"
_ALWAYS_OPENING = "„‚¿¡"

# What attaches to the word before it. A point before a digit begins a number (".5"), and a colon
# before a mark begins a face (":)").
_ATTACHED = regex.compile(
    r"""
      [,!?…%‰°)\]}]  |  \.(?!\d)  |  [:;](?![-'^]?[()\[\]DPp/|*](?:\W|$))
    | ['’ʼ](?:t|s|re|ve|ll|d|m)\b  |  n['’ʼ]t\b         # don + 't, do + n't
    | [-‐‑]\p{L}{2}  |  [–—]\p{L}                       # well + -known
    | [\p{M}\p{Sk}\u200b-\u200d\u2060]                  # a mark of the letter before it
    """,
    regex.VERBOSE | regex.IGNORECASE,
)
_INSIDE_WORD = regex.compile(r"[\p{L}\p{N}][-‐‑–—/]$|[\u200b-\u200d\u2060]$")
_ELISION = regex.compile(r"(?<![\p{L}\p{N}])(\p{L}+)['’ʼ]$")
_OPEN_QUOTE = regex.compile(r"(?:^|[\s(\[{])['‘’]\p{L}")
_CONTRACTED = regex.compile(r"(?:t|s|re|ve|ll|d|m)\b", regex.IGNORECASE)


def join(left: str, right: str) -> str:
    """The two texts in a row, with one blank between them unless it would be wrong there.

    It would be where either side brings white space or is empty, where the script takes none, and
    where a mark belongs to the word before or behind it.
    """
    return f"{left} {right}" if _takes_blank(left, right) else left + right


def _takes_blank(left: str, right: str) -> bool:
    if not left or not right or left[-1].isspace() or right[0].isspace():
        return False
    if _is_wide_mark(left[-1]) or _is_wide_mark(right[0]):
        return False
    return not (
        _is_unspaced_place(left, right) or _is_attached(left, right) or _attaches_next(left, right)
    )


def _is_unspaced_place(left: str, right: str) -> bool:
    """Whether both sides are written without blanks, whatever marks end the left one."""
    before = next((char for char in reversed(left) if not _is_mark(char)), "")
    after = right[0]
    if not before or before.isspace():
        return False
    if is_unspaced(before) and is_unspaced(after):
        return True
    is_ideographic_side = is_ideographic(before) or is_ideographic(after)
    return is_ideographic_side and (before.isdecimal() or after.isdecimal())


def _is_attached(left: str, right: str) -> bool:
    """Whether the right text begins with something that belongs to the word before it."""
    if _ATTACHED.match(right):
        return True
    if right[0] == "«":  # opens in French, closes in German
        return left.count("»") > left.count("«")
    closes = right[0] in _QUOTES and right[0] not in _ALWAYS_OPENING
    return closes and not (len(right) > 1 and (right[1].isalnum() or right[1] in _QUOTES))


def _attaches_next(left: str, right: str) -> bool:
    """Whether the left text ends with something that belongs to the word behind it."""
    last, before = left[-1], left[-2:-1]
    if (
        last in _ALWAYS_OPENING
        or unicodedata.category(last) == "Ps"
        or _INSIDE_WORD.search(left[-2:])
    ):
        return True
    stands_free = not before or before.isspace() or unicodedata.category(before) == "Ps"
    if unicodedata.category(last) == "Sc":
        return stands_free and right[0].isdecimal()
    if last in "#@":
        return stands_free
    if last not in _QUOTES or (last == "»" and "«" in left):
        return False
    if stands_free or (unicodedata.category(last) == "Pi" and is_unspaced(before)):
        return True
    return _is_elided(left, right)


def _is_elided(left: str, right: str) -> bool:
    """Whether the left text ends in an apostrophe inside a word ("don'", "l'"), not behind one."""
    word = _ELISION.search(left)
    if word is None:
        return False
    if _CONTRACTED.match(right):
        return True
    is_plural = len(word[1]) > 2 and word[1][-1] in "sS"  # the dogs' food
    return right[0].isalpha() and not is_plural and not _OPEN_QUOTE.search(left)


def _is_wide_mark(char: str) -> bool:
    """Whether it is a full-width mark, which has its blank inside it."""
    return _is_mark(char) and unicodedata.east_asian_width(char) in "WF"


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "P"
