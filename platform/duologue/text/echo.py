"""How much of what was heard is what was just said, come back through the microphone."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import regex

from duologue.text.scripts import is_unspaced
from duologue.text.spoken import SpokenWord, spoken_words

WORDS_PER_ERROR = 6
"""One word in so many may be another one, missing, or too much."""

_MIN_CUT_CHARS = 3
"""A first word whose beginning was not heard has at least so many characters left."""

_MAX_COMPARISONS = 10_000
"""So much is looked at, so that a text that repeats itself takes no time."""

# What may be heard and said differently at one place: so many words of each. The fewest come first.
_ERRORS = ((1, 1), (0, 1), (1, 0), (2, 2), (1, 2), (2, 1), (0, 2), (2, 0))
_MARKS_BEHIND = regex.compile(r"[^\s\p{L}\p{N}]*")


def num_echoed_chars(heard: str, said: str, *, min_words: int = 5) -> int:
    """How many characters at the start of `heard` echo consecutive words of `said`; 0 if none do.

    That takes at least `min_words` words. Case, marks, and numbers in words or digits make no
    difference, and about one word in six may be wrong, though not the first, and only if two right
    ones follow. The last word may be the beginning of one. If there is nothing but an echo, it is
    the whole of `heard`.
    """
    words = spoken_words(heard)
    sizes = [0.0, *accumulate(map(_size, words))]
    if not words or sizes[-1] < min_words:
        return 0
    num_echoed = 0
    for end in _ends(words, spoken_words(said), sizes, _is_cut_short(heard)):
        num_echoed = max(num_echoed, end)
        if num_echoed == len(words):
            return len(heard)
    while num_echoed > 0 and words[num_echoed].num_words == 0:
        num_echoed -= 1  # in the midst of a contraction
    if sizes[num_echoed] < min_words:
        return 0
    return _behind_marks(heard, words[num_echoed - 1].end)


def _size(word: SpokenWord) -> float:
    """How many words it is; a letter of a script without blanks is about half of one."""
    return word.num_words / 2 if is_unspaced(word.key[0]) else word.num_words


def _is_cut_short(heard: str) -> bool:
    """Whether the last word of what was heard may have more to come."""
    return heard[-1].isalpha()


def _ends(
    words: Sequence[SpokenWord],
    said: Sequence[SpokenWord],
    sizes: Sequence[float],
    is_cut_short: bool,
) -> Iterator[int]:
    """Where an echo would end, for every place in `said` that it may begin at."""
    num_compared = 0
    for start, word in enumerate(said):
        if num_compared > _MAX_COMPARISONS:
            return
        if _begins_with(words[0], word):
            end, num_passed = _follow(words, said, start, sizes, is_cut_short)
            num_compared += num_passed
            yield end


def _begins_with(heard: SpokenWord, said: SpokenWord) -> bool:
    is_rest = len(heard.key) >= _MIN_CUT_CHARS and said.key.endswith(heard.key)
    return is_rest or heard.matches(said)


def _follow(
    words: Sequence[SpokenWord],
    said: Sequence[SpokenWord],
    start: int,
    sizes: Sequence[float],
    is_cut_short: bool,
) -> tuple[int, int]:
    """How many of the words are those said from `start` on; and how many were looked at."""
    place, said_place = 1, start + 1
    end, num_errors = 1, 0
    while place < len(words) and said_place < len(said):
        is_last = is_cut_short and place == len(words) - 1
        if words[place].matches(said[said_place]) or (
            is_last and said[said_place].key.startswith(words[place].key)
        ):
            place, said_place = place + 1, said_place + 1
            if num_errors * WORDS_PER_ERROR <= sizes[place]:
                end = place
            continue
        error = _error_at(words, said, place, said_place)
        if error is None:
            break
        num_errors += max(error)
        if num_errors > max(_ERRORS[-1]) + sizes[place] / WORDS_PER_ERROR:
            break
        place, said_place = place + error[0], said_place + error[1]
    return end, place


def _error_at(
    words: Sequence[SpokenWord], said: Sequence[SpokenWord], place: int, said_place: int
) -> tuple[int, int] | None:
    """How many words of each to pass over so that the next two match again."""
    for heard_off, said_off in _ERRORS:
        heard_next = words[place + heard_off : place + heard_off + 2]
        said_next = said[said_place + said_off : said_place + said_off + 2]
        if len(heard_next) == len(said_next) == 2 and all(
            one.matches(other) for one, other in zip(heard_next, said_next, strict=True)
        ):
            return heard_off, said_off
    return None


def _behind_marks(text: str, place: int) -> int:
    """The place behind the marks that stand at this one."""
    found = _MARKS_BEHIND.match(text, place)
    assert found is not None
    return found.end()
