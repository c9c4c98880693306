"""English contractions as the words they stand for."""

from collections.abc import Iterable

from duologue.text.words import word_set

IS_OR_HAS = "'s"
"""What a contracted "is" or "has" becomes, since it does not say which."""

HAD_OR_WOULD = "'d"
"""What a contracted "had", "would" or "did" becomes."""

_ENDINGS = {"'re": "are", "'ve": "have", "'ll": "will", "'m": "am", "'d": HAD_OR_WOULD}
_BEFORE_IS = word_set(
    "it he she that this there here what who where when why how which everything everyone"
    " everybody something someone somebody nothing nobody one"
)
_WHOLE = {
    "won't": "will not",
    "can't": "can not",
    "shan't": "shall not",
    "cannot": "can not",
    "let's": "let us",
    "y'all": "you all",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "got to",
    "gimme": "give me",
    "lemme": "let me",
}
# As recognisers write them that put no marks; only where it is not another word, as "were" is.
_WITHOUT_MARK = (
    *("don't", "doesn't", "didn't", "isn't", "aren't", "wasn't", "weren't", "haven't", "hasn't"),
    *("hadn't", "wouldn't", "couldn't", "shouldn't", "mustn't", "i'm", "i've", "you're", "you've"),
    *("you'll", "they're", "they've", "they'll", "we've", "what's", "that's", "there's", "here's"),
    *("who's", "where's", "how's", "won't", "can't", "it's", "let's", "it'll", "that'll"),
)


def expanded(words: Iterable[str]) -> tuple[str, ...]:
    """The words with contractions in full; of other words with an apostrophe, without it.

    Words are in lower case and their apostrophes straight, as `Word.key` has them.
    """
    return tuple(part for word in words for part in expansion(word))


def expansion(word: str) -> tuple[str, ...]:
    """The words that one word stands for."""
    return _KNOWN.get(word) or (_expansion(word) if "'" in word else (word,))


def _expansion(word: str) -> tuple[str, ...]:
    if word in _WHOLE:
        return tuple(_WHOLE[word].split())
    stem, _, ending = word.rpartition("'")
    if word.endswith("n't"):
        return (word[:-3], "not")
    if ending == "s" and stem in _BEFORE_IS:
        return (stem, IS_OR_HAS)
    if f"'{ending}" in _ENDINGS:
        return (stem.replace("'", ""), _ENDINGS[f"'{ending}"])
    return (word.replace("'", ""),)


_KNOWN = {word: tuple(words.split()) for word, words in _WHOLE.items()} | {
    word.replace("'", ""): _expansion(word) for word in _WITHOUT_MARK
}
