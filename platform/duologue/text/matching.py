"""What a changed text adds to what was decided of it."""

import unicodedata


def text_after(text: str, decided: str) -> str:
    """What `text` adds to `decided`: the rest of it, or all of it if it says something else.

    Case, punctuation and white space make no difference, since recognisers put them in when they
    finish a segment, and a question is not to be answered twice for its question mark. A text that
    was really corrected is heard as a whole, so that the correction is not lost.
    """
    if not decided:
        return text
    if text.startswith(decided):
        return _without_leading_marks(text[len(decided) :])
    wanted = [char for char in decided.casefold() if not _is_formatting(char)]
    matched = 0
    for place, char in enumerate(text):
        letters = [letter for letter in char.casefold() if not _is_formatting(letter)]
        if letters and matched == len(wanted):
            return text[place:]
        if letters != wanted[matched : matched + len(letters)]:
            return text
        matched += len(letters)
    return text if matched < len(wanted) else ""


def _without_leading_marks(text: str) -> str:
    start = next((place for place, char in enumerate(text) if not _is_formatting(char)), len(text))
    return text[start:]


def _is_formatting(char: str) -> bool:
    return unicodedata.category(char)[0] in "PZC"
