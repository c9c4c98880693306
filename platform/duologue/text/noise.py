"""A text without a recogniser's notes about sounds, and whether there are words in it."""

from collections.abc import Collection
from functools import lru_cache

import regex

from duologue.text.joining import join
from duologue.text.noise_tags import DEFAULT_NOISE_TAGS

_INSIDE = r"([^][(){}<>*（）【】♩♪♫♬]*)"
_BRACKETED = regex.compile(
    rf"\[{_INSIDE}\]|\({_INSIDE}\)|<{_INSIDE}>|\{{{_INSIDE}\}}|\*(?!\s){_INSIDE}\*"
    rf"|（{_INSIDE}）|【{_INSIDE}】|[♩♪♫♬]+{_INSIDE}[♩♪♫♬]+"
)
_WORDS = regex.compile(r"[\p{L}\p{M}\p{N}]+")
# Signs with a life as characters of a text are no utterance by themselves, though they are emojis.
_SAID = regex.compile(r"[\p{L}\p{N}]|[\p{Emoji}--[#*©®™‼⁉〰〽\p{P}]]", regex.V1)


def without_noise(text: str, tags: Collection[str] = DEFAULT_NOISE_TAGS) -> str:
    """The text without the bracketed stretches that are one of `tags`, whatever their case.

    Other brackets stay, and a text without noise comes back as it was.
    """
    words, signs = _split_tags(tuple(tags))
    kept, is_joined, end = "", False, 0
    for found in _BRACKETED.finditer(text):
        inside = " ".join(_WORDS.findall("".join(filter(None, found.groups())).casefold()))
        if inside in words:
            kept = _put(kept, text[end : found.start()], is_joined)
            is_joined, end = True, found.end()
    kept = _put(kept, text[end:], is_joined)
    for sign in signs:
        if sign in kept:
            first, *others = kept.split(sign)
            kept = first
            for other in others:
                kept = _put(kept, other, True)
    return kept


def has_words(text: str) -> bool:
    """Whether there is something said in it: a letter or a digit of any script, or an emoji."""
    return _SAID.search(text) is not None


def _put(before: str, after: str, is_joined: bool) -> str:
    """The two in a row; if something was taken out between them, so are the blanks around it."""
    return join(before.rstrip(" \t"), after.lstrip(" \t")) if is_joined else before + after


@lru_cache(maxsize=16)
def _split_tags(tags: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The tags as words in lower case, and those that are mere signs."""
    words = {" ".join(_WORDS.findall(tag.casefold())) for tag in tags}
    signs = tuple(tag for tag in tags if tag and not tag.isspace() and not _WORDS.search(tag))
    return frozenset(words - {""}), signs
