"""A text without the white space that means nothing."""

import re

_BREAK = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_BEFORE_BREAK = re.compile(rf"[^\S{_BREAK}]+(?=[{_BREAK}])")
_INSIDE_LINE = re.compile(rf"(?<=\S)[^\S{_BREAK}]{{2,}}")


def trimmed(text: str) -> str:
    """The text without white space around it and with single blanks inside its lines.

    Line breaks stay, and so does the indentation behind them. A single blank stays the one it is,
    also if it is a tab or does not break.
    """
    return _INSIDE_LINE.sub(" ", _BEFORE_BREAK.sub("", text.strip()))
