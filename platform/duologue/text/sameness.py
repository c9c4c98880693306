"""Whether two texts say the same, however a recogniser wrote them down."""

from collections.abc import Sequence

from duologue.text.spoken import SpokenWord, spoken_words
from duologue.text.words import word_set

_FILLERS = word_set("um uh erm er uhm umm uhh hmm hm mm mmm ah eh")


def says_the_same(before: str, after: str) -> bool:
    """Whether both texts have the same words, for instance a hypothesis and its final text.

    Case, marks and spacing make no difference, nor do English contractions, fillers that only one
    of them has, and whether numbers, amounts and times are in words or in digits.
    """
    return _are_same(spoken_words(before), spoken_words(after)) or _are_same(
        _without_fillers(before), _without_fillers(after)
    )


def _without_fillers(text: str) -> list[SpokenWord]:
    return [word for word in spoken_words(text) if word.key not in _FILLERS]


def _are_same(one: Sequence[SpokenWord], other: Sequence[SpokenWord]) -> bool:
    place = other_place = 0
    while place < len(one) and other_place < len(other):
        if one[place].matches(other[other_place]):
            place, other_place = place + 1, other_place + 1
            continue
        spans = _differently_spaced(one[place:], other[other_place:])
        if spans is None:
            return False
        place, other_place = place + spans[0], other_place + spans[1]
    return place == len(one) and other_place == len(other)


def _differently_spaced(
    one: Sequence[SpokenWord], other: Sequence[SpokenWord]
) -> tuple[int, int] | None:
    """How many words of each make the same letters: "a", "m" and "am"; None if none do."""
    letters, other_letters = one[0].key, other[0].key
    taken = other_taken = 1
    while letters != other_letters:
        if other_letters.startswith(letters) and taken < len(one):
            letters += one[taken].key
            taken += 1
        elif letters.startswith(other_letters) and other_taken < len(other):
            other_letters += other[other_taken].key
            other_taken += 1
        else:
            return None
    words = (*one[:taken], *other[:other_taken])
    return None if any(word.is_number for word in words) else (taken, other_taken)
