"""An utterance as a model reads it: without what says nothing about it."""

import re
from collections.abc import Set

from duologue.text.language import has_english
from duologue.text.words import word_set

MIN_WORDS_IN_CAPITALS = 2
"""One alone may be a name or an abbreviation."""
_LEFT_OUT = ",，、 "
"""At the end; some recognisers put a blank before their marks."""
_PIECE = re.compile(r"\S+")
_FILLERS = word_set("uh uhh uhm umm erm")
_ENGLISH_FILLERS = word_set("um er")
"""Words of other languages, which stand at the end too ("wo ist er")."""
_BEHIND_FILLER = ".…,-–—"


def normal_form(text: str) -> str:
    """The text without fillers and commas at its end, and in small letters if it is in capitals
    throughout.

    None of these says whether the user has finished, and a model reads capitals worse. For how long
    more is waited for behind a filler is the floor's to say. A piece with a digit in it stays as it
    is: it may be a code.
    """
    ended = _without_fillers(text.rstrip(_LEFT_OUT) or text)
    return _PIECE.sub(_lowered, ended) if _is_in_capitals(ended) else ended


def _without_fillers(text: str) -> str:
    """Its language is told by what stands before all of them, and looked at once."""
    before = _without_last(text, _FILLERS | _ENGLISH_FILLERS)
    if before == text or has_english(before):
        return before
    return _without_last(text, _FILLERS)


def _without_last(text: str, words: Set[str]) -> str:
    """Without these words at its end; something is left: a text of nothing else keeps the first."""
    while len(parts := text.rsplit(maxsplit=1)) == 2:
        before, last = parts[0].rstrip(_LEFT_OUT), parts[1].rstrip(_BEHIND_FILLER).lower()
        if not before or last not in words:
            break
        text = before
    return text


def _is_in_capitals(text: str) -> bool:
    if any(character.islower() for character in text):
        return False
    words = (piece for piece in text.split() if sum(map(str.isupper, piece)) > 1)
    return sum(1 for _ in words) >= MIN_WORDS_IN_CAPITALS


def _lowered(piece: re.Match[str]) -> str:
    found = piece[0]
    return found if any(character.isdigit() for character in found) else found.lower()
