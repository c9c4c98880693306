"""Which scripts are written without blanks between words."""

import regex

UNSPACED = (
    r"\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Bopomofo}"
    r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
)
"""Their characters, as the inside of a character class of `regex`. Korean takes blanks."""

_UNSPACED_LETTER = regex.compile(rf"[[{UNSPACED}]&&[\p{{L}}\p{{N}}\p{{M}}]]", regex.V1)
_IDEOGRAPHIC = regex.compile(r"[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Bopomofo}]")


def is_unspaced(char: str) -> bool:
    """Whether it is a letter, mark or digit of a script that puts no blanks between words."""
    return _UNSPACED_LETTER.fullmatch(char) is not None


def is_ideographic(char: str) -> bool:
    """Whether it is written as Chinese and Japanese are, where digits take no blanks either."""
    return is_unspaced(char) and _IDEOGRAPHIC.fullmatch(char) is not None
