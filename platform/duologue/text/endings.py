"""How a text ends, as far as its words tell how long to wait for more."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from functools import lru_cache

import regex

from duologue.text.dictation import ends_in_dictation
from duologue.text.words import keys_of, word_set


class Ending(StrEnum):
    """What is to be expected behind a text."""

    FINISHED = "finished"
    """Nothing: a mark ends the sentence."""
    PLAIN = "plain"
    """Nothing is known."""
    OPEN = "open"
    """More: it ends in a filler, or in what cannot end a sentence."""
    DICTATION = "dictation"
    """More: it ends in the midst of numbers or letters that are dictated."""


_MAX_CHARS = 400
"""No more than the end of a text is looked at, so that a long one takes no longer."""

_CLOSING = " \t\r\n\"'”’»›)]}）」』】"
_ELLIPSIS = regex.compile(r"(?:\.\.|…|。。)$")
_FINISHING = regex.compile(r"[.?!。？！．｡؟۔।॥։]$")
_ASKING_IN_GREEK = regex.compile(r"\p{Greek}\p{M}*[;\u037e]$")
_ABBREVIATED = regex.compile(
    r"(?:^|[^\p{L}\p{N}])(?:\p{L}|mr|mrs|ms|dr|prof|st|vs|e\.g|i\.e|approx|no)\.$", regex.IGNORECASE
)
_PENDING = regex.compile(r"[,;:，、；：،–—-]$")

_FILLERS = word_set("uh uhh umm uhm erm hmm hm")
_NEVER_LAST = word_set(
    "the your our their whose and but because although unless whereas than into onto from with"
    " between during towards toward among regarding including very i'm i'd i've i'll you're you've"
    " you'll you'd he's she's it's it'll we're we've we'll we'd they're they've they'll they'd"
    " that's there's what's who's where's let's mr mrs ms dr prof"
)
# These are words of other languages too ("il y en a", "mach das Licht an"), so they count only
# among other words that are English.
_NEVER_LAST_IN_ENGLISH = word_set("a an my or if at as of for to per via um er")
_PREPOSITIONS = word_set("of for to at from with into between than as")
_ENGLISH = word_set(
    "the i i'd i'm i've i'll you you're your we they he she it's and is are what what's how when"
    " where who which why want like would could should can will please need have has had don't"
    " this that that's there there's with from about think know tell give get make book find show"
    " call send play turn set add look looking talk going go see buy order let me us them him her"
    " it not if because but then some any my yes no okay well so hello hi thanks"
)
_ASKING = word_set("what what's who who's whom whose where where's which how when")
_PRONOUNS = word_set("i you he she it we they me him her us them this that these those there one")
# Verbs behind which a question or a clause may end in a preposition.
_STRANDING = word_set(
    "talk talked speak spoke come comes came go goes went look looks listen made wait ask asked pay"
    " work works belong live lives deal think know start send begin agree refer compare apply stand"
    " stands used care matter good wish vote respond reply happen happens happened supposed want"
    " need"
)
_ARTICLES = word_set("the a an my your his her our their")
_BEGINNINGS = frozenset(
    tuple(words.split())
    for words in (
        *("i'd like", "i would like", "i want", "i need", "i was", "i am", "i think", "i mean"),
        *("can you", "could you", "would you", "will you", "do you", "can i", "could i", "may i"),
        *("how do i", "how can i", "let me", "i'd", "i have", "is there", "are there", "what is"),
        *("who is", "where is", "what are", "what about", "how about", "please tell me"),
    )
)
_ANNOUNCEMENTS = frozenset(
    tuple(words.split())
    for words in (
        *("i have a question", "i've got a question", "i have a quick question"),
        *("i have another question", "i've got another question", "i have one more question"),
        *("i have a question for you", "quick question", "another question", "one more question"),
        *("one more thing", "can i ask you something", "can i ask you a question"),
        *("can i ask something", "can i ask a question", "could i ask you something"),
        *("could i ask you a question", "may i ask you something", "may i ask you a question"),
        *("let me ask you something", "let me ask you a question", "i want to ask you something"),
        *("i'd like to ask you something", "i wanted to ask you something", "tell me something"),
        *("i need to ask you something", "i was wondering", "i was just wondering"),
        *("here's the thing", "guess what", "you know what", "do you know what"),
    )
)
"""Whole sentences that say that another one comes."""
_BEFORE_BEGINNINGS = word_set("and but so because hi hello hey yes yeah no okay ok well um uh")


@lru_cache(maxsize=256)  # sessions ask again with every look at the clock
def ending_of(text: str) -> Ending:
    """How the text ends. Words are understood in English; of others, only marks and digits are."""
    bare = text.rstrip(_CLOSING)[-_MAX_CHARS:]
    words = keys_of(bare)
    if not words:
        return Ending.PLAIN
    if _ends_in_one_of(_ANNOUNCEMENTS, words):
        return Ending.OPEN
    if _FINISHING.search(bare) and not (_ELLIPSIS.search(bare) or _ABBREVIATED.search(bare)):
        return Ending.FINISHED
    if ends_in_dictation(words):
        return Ending.DICTATION
    is_pending = _ELLIPSIS.search(bare) or _PENDING.search(bare)
    return Ending.OPEN if is_pending or _is_open(words) else Ending.PLAIN


def asks_in_greek(text: str) -> bool:
    """Whether the text ends in the mark that Greek puts behind a question, the semicolon."""
    return _ASKING_IN_GREEK.search(text.rstrip(_CLOSING)) is not None


def _is_open(words: Sequence[str]) -> bool:
    """Whether a sentence cannot end in the last of these words."""
    last = words[-1]
    if last in _FILLERS or words in (("um",), ("er",)) or _ends_in_one_of(_BEGINNINGS, words):
        return True
    is_english = not _ENGLISH.isdisjoint(words[:-1])
    is_letter = last == "a" and [len(word) for word in words[-2:]] == [1, 1]  # the u s a
    if last in _NEVER_LAST or (last in _NEVER_LAST_IN_ENGLISH and is_english and not is_letter):
        return not (last in _PREPOSITIONS and _is_stranded(words))
    return is_english and _is_open_in_company(words)


def _is_stranded(words: Sequence[str]) -> bool:
    """Whether the preposition at the end may stand there: "what are you waiting for"."""
    if _ASKING.isdisjoint(words[:-1]):
        return False
    before = words[-2]
    is_doing = before.endswith("ing") and before not in ("thing", "king", "morning", "evening")
    is_done = before.endswith("ed") and not before.endswith(("eed", "dred"))
    return is_doing or is_done or before in _PRONOUNS or before in _STRANDING


def _is_open_in_company(words: Sequence[str]) -> bool:
    """Whether the last word is one that is open or not depending on what stands before it."""
    before, last = words[-2], words[-1]
    asks = not _ASKING.isdisjoint(words)
    if last in ("is", "are", "was", "were"):  # my name is; not: I know what it is
        return not asks and before not in _PRONOUNS
    if last == "like":  # it was like; not: what is it like
        return not asks and before in ("i'd", "you'd", "would", "was", "were")
    if last in ("in", "on", "by", "near"):  # what is the weather in; not: turn the light on
        return asks and words[-3:-2] != () and words[-3] in _ARTICLES
    return last == "so" and before == "and"


def _ends_in_one_of(texts: Collection[tuple[str, ...]], words: Sequence[str]) -> bool:
    """Whether the words end in one of these, of which nothing is missing before."""
    for length in range(1, max(map(len, texts)) + 1):
        before = words[:-length]
        is_bare = not before or before[-1] in _BEFORE_BEGINNINGS
        if is_bare and tuple(words[-length:]) in texts:
            return True
    return False
