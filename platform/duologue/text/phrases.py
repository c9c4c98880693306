"""Short things that are said whole: to go on, or to show that one listens."""

from collections.abc import Collection
from functools import lru_cache

from duologue.text.contractions import IS_OR_HAS, expanded
from duologue.text.words import keys_of, word_set

MAX_POLITE_WORDS = 4
"""So many polite or filling words may stand before a phrase, and so many behind it."""

_POLITE = word_set(
    "okay ok kay yes yeah yep yup sure right alright all well so um uh er erm uhm hm hmm mm and"
    " oh ah hey hi hello no now then please thanks thank you sorry again just great good cool fine"
    " perfect there that's that is it very much sir"
)
_BACKCHANNELS = (
    *(
        "uh huh",
        "mm hm",
        "mm hmm",
        "mhm",
        "mhmm",
        "mm",
        "mmm",
        "hm",
        "hmm",
        "um",
        "uh",
        "er",
        "erm",
    ),
    *("uhm", "umm", "uhh", "ah", "ahh", "aha", "ah ha", "oh", "ooh", "ohh", "wow", "huh", "uhuh"),
    *("okay", "ok", "kay", "k", "yeah", "yep", "yup", "yes", "ya", "yah", "right", "all right"),
    *("alright", "sure", "for sure", "really", "true", "very true", "indeed", "exactly"),
    *("absolutely", "definitely", "totally", "of course", "cool", "very cool", "nice", "very nice"),
    *("great", "good", "very good", "fine", "perfect", "interesting", "very interesting"),
    *("amazing", "awesome", "lovely", "i see", "got it", "gotcha", "got you", "i got it", "i know"),
    *("i understand", "understood", "makes sense", "that makes sense", "fair enough", "no way"),
    *("oh no", "oh dear", "oh my", "oh my god", "my god", "gosh", "that's right", "that's true"),
    *(
        "that's great",
        "that's nice",
        "that's good",
        "that's cool",
        "that's interesting",
        "i hear you",
    ),
    *("is that so", "is that right", "you don't say", "good to know", "well"),
)
_FOREIGN_BACKCHANNELS = (
    *("ja", "genau", "stimmt", "ach so", "aha", "oui", "ouais", "d'accord", "voilà", "ah bon"),
    *("sí", "si", "claro", "vale", "ya", "sì", "certo", "capisco", "esatto", "va bene", "sim"),
    *(
        "pois é",
        "tá",
        "tá bom",
        "entendi",
        "precies",
        "klopt",
        "tak",
        "no tak",
        "jasne",
        "rozumiem",
    ),
    *("evet", "tamam", "hı hı", "anladım", "jo", "precis", "just det", "jaha", "iya", "oh iya"),
    *("vâng", "dạ", "ừ", "à", "ờ", "joo", "niin", "aivan", "kyllä", "да", "ага", "угу", "ну да"),
    *(
        "понятно",
        "ясно",
        "так",
        "嗯",
        "嗯嗯",
        "哦",
        "对",
        "对对",
        "对对对",
        "是",
        "是的",
        "好",
        "好的",
    ),
    *(
        "はい",
        "うん",
        "うんうん",
        "ええ",
        "そう",
        "そうですね",
        "そうですか",
        "なるほど",
        "へえ",
        "へー",
    ),
    *(
        "네",
        "예",
        "응",
        "그래",
        "그래요",
        "그렇군요",
        "아",
        "아 네",
        "맞아요",
        "نعم",
        "أيوه",
        "ايوه",
    ),
    *("اه", "طيب", "تمام", "हाँ", "हां", "जी", "जी हाँ", "अच्छा", "ठीक है", "ναι", "μάλιστα", "ωραία"),
)
_MAX_BACKCHANNELS = 4
_MAX_CHARS = 500


def is_phrase(text: str, phrases: Collection[str]) -> bool:
    """Whether the text is one of the phrases and says nothing else.

    Case, marks and spacing make no difference, nor do contractions and up to `MAX_POLITE_WORDS`
    polite or filling words before and behind.
    """
    words = _words(text)
    return any(_is_framed(words, phrase) for phrase in _split(tuple(phrases)))


def begins_like_phrase(text: str, phrases: Collection[str]) -> bool:
    """Whether the text is the beginning of one of the phrases, be it in mid-word, or begins with
    one, behind up to `MAX_POLITE_WORDS` polite words.

    Polite words that may stand before a phrase begin none: other things begin with them too.
    """
    words, wholes = _words(text), _split(tuple(phrases))
    bare = [each for each in wholes if not (each[0] in _POLITE and each[1:] in wholes)]
    return any(
        _begin_alike(words[before:], phrase)
        for before in range(min(len(words), MAX_POLITE_WORDS + 1))
        if _POLITE.issuperset(words[:before])
        for phrase in bare
    )


def is_backchannel(text: str) -> bool:
    """Whether the text only shows that its speaker listens or thinks: "uh-huh", "oh wow", "um".

    That is up to four such sounds or phrases in English. Some of them can be answers too ("yes",
    "sure"): whether something was asked is for the caller to know.
    """
    words = _words(text)
    return bool(words) and _consists_of(words, _split(_BACKCHANNELS), _MAX_BACKCHANNELS)


def is_foreign_backchannel(text: str) -> bool:
    """The same in other languages, of those that `is_foreign` knows, and in English."""
    words = _words(text)
    phrases = (*_split(_FOREIGN_BACKCHANNELS), *_split(_BACKCHANNELS))
    return bool(words) and _consists_of(words, phrases, _MAX_BACKCHANNELS)


def _words(text: str) -> tuple[str, ...]:
    """What is compared; none of a text that is too long to be a phrase."""
    if len(text) > _MAX_CHARS:
        return ()
    return tuple("is" if word == IS_OR_HAS else word for word in expanded(keys_of(text)))


def _is_framed(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Whether the words are the phrase with nothing but polite words around it."""
    num_around = len(words) - len(phrase)
    for before in range(
        max(0, num_around - MAX_POLITE_WORDS), min(num_around, MAX_POLITE_WORDS) + 1
    ):
        behind = before + len(phrase)
        if words[before:behind] == phrase and _POLITE.issuperset(words[:before] + words[behind:]):
            return True
    return False


def _begin_alike(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Whether one begins with the other; the last of the words may be unfinished."""
    if len(words) > len(phrase):
        return words[: len(phrase)] == phrase
    last = len(words) - 1
    return words[:last] == phrase[:last] and phrase[last].startswith(words[last])


def _consists_of(
    words: tuple[str, ...], phrases: Collection[tuple[str, ...]], max_phrases: int
) -> bool:
    """Whether the words are up to so many of the phrases in a row."""
    if not words:
        return True
    return max_phrases > 0 and any(
        words[: len(phrase)] == phrase
        and _consists_of(words[len(phrase) :], phrases, max_phrases - 1)
        for phrase in phrases
    )


@lru_cache(maxsize=16)
def _split(phrases: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The phrases that have words, as their words."""
    return tuple(filter(None, (_words(phrase) for phrase in phrases)))
