"""Whether a text is surely not English."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache

import regex

from duologue.text.english_words import ENGLISH_WORDS
from duologue.text.foreign_words import FOREIGN_WORDS, HALF_WORDS
from duologue.text.scripts import UNSPACED
from duologue.text.words import keys_of, word_set

HALF, MARKED, WHOLE = 2, 3, 4
"""What a word counts: one that English texts have too; one with a letter that English has not, or
with an article before an apostrophe, for every language; any other one of a language's own."""
ENOUGH = 6
"""What the words of a language have to count together."""
ENOUGH_ALONE = 4
"""The same where not one word of several is English, and one is the language's own."""
ENOUGH_UNKNOWN = 9
"""The same where no word is known, but for the letters: two may be somebody's names."""
SEVERAL = 3

_MAX_CHARS = 400
"""No more than the end of a text is looked at, so that a long one takes no longer."""
_LATIN = regex.compile(r"\p{Latin}")
_OTHER = regex.compile(r"[\p{L}--\p{Latin}--\p{Common}]", regex.V1)
_UNSPACED = regex.compile(rf"[[{UNSPACED}]&&\p{{L}}]", regex.V1)
_UNSPACED_LETTERS = 2
"""Latin letters that one letter is worth in a script that puts no blanks between words."""
_GREEK = regex.compile(r"\p{Greek}")
_MARKED = regex.compile(
    r"[\p{Latin}--[a-zA-Z]]|^(?:j|l|m|n|qu|un|all|dell|nell)'\p{L}{2}", regex.V1
)
# Letters that do not come apart into a plain one and a mark.
_PLAIN = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})
_TELLING_CHARS = 4
"""A shorter word without its marks may be many things."""
_BORROWED = word_set(
    "café cafés cliché clichés crème décor déjà entrée entrées fiancé fiancée façade jalapeño"
    " jalapeños naïve piñata piñatas purée résumé résumés sauté sautéed soufflé soirée touché"
    " beyoncé pokémon nestlé à"
)


@lru_cache(maxsize=256)  # sessions ask again with every look at the clock
def is_foreign(text: str) -> bool:
    """Whether the text is surely in another language than English.

    What cannot be told counts as English: a name, a single word in Latin letters, a mixture.
    """
    end = text[-_MAX_CHARS:]
    return _is_in_other_letters(end) or _has_foreign_words(keys_of(end))


def has_english(text: str) -> bool:
    """Whether the text has a common word that is English and of no other language here."""
    return any(word in ENGLISH_WORDS and word not in _SHARED for word in keys_of(text))


def plain(word: str) -> str:
    """The word, or text, as those write it who leave the marks on letters out."""
    apart = unicodedata.normalize("NFD", word.translate(_PLAIN))
    return "".join(char for char in apart if not unicodedata.combining(char))


def _is_in_other_letters(text: str) -> bool:
    """Whether most of its letters are not Latin, and not merely a Greek one that is a sign."""
    other = [] if text.isascii() else _OTHER.findall(text)
    if not other:
        return False
    num_other = len(other) + (_UNSPACED_LETTERS - 1) * len(_UNSPACED.findall(text))
    is_sign = len(other) == 1 and _GREEK.fullmatch(other[0]) is not None
    return num_other > len(_LATIN.findall(text)) and not is_sign


def _has_foreign_words(words: Sequence[str]) -> bool:
    """Whether one language has enough of the words, and more than English.

    A foreign word counts once, however often it is said: "la la la". A word that English has too
    counts for neither.
    """
    num_english = sum(word in ENGLISH_WORDS for word in words)
    foreign = set(words) - ENGLISH_WORDS
    marked = {word for word in foreign - _BORROWED if _MARKED.search(word)}
    known = [word for word in foreign if word in _COUNTS]
    if not known and not marked:
        return False
    counts, own = Counter[str](), set[str]()
    for word in known:
        for language, count in _COUNTS[word].items():
            counts[language] += count - MARKED * (word in marked)
            if marked or count == WHOLE:
                own.add(language)
    shared = Counter(language for word in words for language in _SHARED.get(word, ()))
    of_any = MARKED * len(marked)
    is_alone = not num_english and len(words) >= SEVERAL
    return (
        any(
            counts[language] + of_any >= (ENOUGH_ALONE if is_alone else ENOUGH)
            and counts[language] + of_any > WHOLE * (num_english - shared[language])
            for language in own
        )
        or ENOUGH_UNKNOWN <= of_any > WHOLE * num_english
    )


def _counts() -> dict[str, dict[str, int]]:
    """By word, what it counts for each of the languages that have it."""
    made: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for language, words in FOREIGN_WORDS.items():
        for word in (words | set(map(plain, words))) - ENGLISH_WORDS:
            is_half = word in HALF_WORDS or (word not in words and len(word) < _TELLING_CHARS)
            if len(word) > 1 or not word.isascii():
                made[word][language] = HALF if is_half else WHOLE
    return dict(made)


def _shared() -> dict[str, tuple[str, ...]]:
    """By English word, the languages that have it too."""
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for language, words in FOREIGN_WORDS.items():
        for word in words & ENGLISH_WORDS:
            holders[word].append(language)
    return {word: tuple(languages) for word, languages in holders.items()}


_COUNTS = _counts()
_SHARED = _shared()
