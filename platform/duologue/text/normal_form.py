"""An utterance as a model reads it: without what recognisers put into a text for no reason."""

import re

MIN_WORDS_IN_CAPITALS = 2
"""One alone may be a name or an abbreviation."""
_LEFT_OUT = ",，、 "
"""At the end; some recognisers put a blank before their marks."""
_PIECE = re.compile(r"\S+")


def normal_form(text: str) -> str:
    """The text without a comma at its end, and in small letters if it is in capitals throughout.

    Neither says whether the user has finished, and a model reads capitals worse. A piece with a
    digit in it stays as it is: it may be a code.
    """
    ended = text.rstrip(_LEFT_OUT) or text
    return _PIECE.sub(_lowered, ended) if _is_in_capitals(ended) else ended


def _is_in_capitals(text: str) -> bool:
    if any(character.islower() for character in text):
        return False
    words = (piece for piece in text.split() if sum(map(str.isupper, piece)) > 1)
    return sum(1 for _ in words) >= MIN_WORDS_IN_CAPITALS


def _lowered(piece: re.Match[str]) -> str:
    found = piece[0]
    return found if any(character.isdigit() for character in found) else found.lower()
