"""An utterance as a model reads it: without what says nothing about it."""

import re

from duologue.text.language import has_english
from duologue.text.words import word_set

MIN_WORDS_IN_CAPITALS = 2
"""One alone may be a name or an abbreviation."""
_LEFT_OUT = ",，、 "
"""At the end; some recognisers put a blank before their marks."""
_PIECE = re.compile(r"\S+")
_LAST_PIECE = re.compile(r"(?P<before>.*\S)\s+(?P<last>\S+)", re.DOTALL)
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
    """Something is left: a text of nothing but fillers keeps the first."""
    while (found := _LAST_PIECE.fullmatch(text)) is not None:
        last, before = found["last"].rstrip(_BEHIND_FILLER).lower(), found["before"]
        is_filler = last in _FILLERS or (last in _ENGLISH_FILLERS and has_english(before))
        ended = before.rstrip(_LEFT_OUT)
        if not is_filler or not ended:
            break
        text = ended
    return text


def _is_in_capitals(text: str) -> bool:
    if any(character.islower() for character in text):
        return False
    words = (piece for piece in text.split() if sum(map(str.isupper, piece)) > 1)
    return sum(1 for _ in words) >= MIN_WORDS_IN_CAPITALS


def _lowered(piece: re.Match[str]) -> str:
    found = piece[0]
    return found if any(character.isdigit() for character in found) else found.lower()
