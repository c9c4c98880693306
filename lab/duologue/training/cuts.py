"""Cutting queries short, with care for beginnings that are complete queries by themselves."""

from collections.abc import Set
from dataclasses import dataclass
from random import Random

from duologue.training.sample import normalised, word_set

# A query that only loses words like these was complete without them.
DISPENSABLE = word_set(
    """please now today tonight tomorrow again then too instead anyway exactly thanks thank you me
    for right here there as well if possible can could sometime maybe asap currently soon already
    yet myself though actually really later quickly"""
)
# After words like these something must follow.
UNFINISHED_AFTER = word_set(
    """a an the my your his her its our their this these those and or but so because if than as
    of to from in on at by with without for about into onto over under between through during
    is are was were be am been i'm we're it's that's what's who's there's i we they he she
    can could would will shall should may might must do does did has have had don't doesn't didn't
    want wants need wanna gonna like i'd i'll i've let's whose which every some any no very too
    um uh er uhm hmm please and also who what"""
)
# Words that often begin a part which a sentence could do without.
ATTACHED_BY = word_set(
    """to for from on at in with by about and or if when after before so because that which who
    during near until under over than using through without around between as at since while but
    what where how can could would is are do does any i i'm i'd we let's find book"""
)


@dataclass(frozen=True, slots=True)
class Cut:
    """The beginning of a query; `is_doubtful` when it could pass for a whole one."""

    text: str
    inside_word: bool
    is_doubtful: bool


def word_ends(text: str) -> list[int]:
    """Where each word but the last ends, as character offsets."""
    ends = [place for place, character in enumerate(text) if place and character == " "]
    return [place for place in ends if text[place - 1] != " "]


def cut_after_word(
    text: str, known: Set[str], rng: Random, *, may_end_early: bool = False
) -> Cut | None:
    """Cut behind a word chosen at random; None when that beginning is a whole query."""
    places = word_ends(text)
    return cut_at(text, rng.choice(places), known, may_end_early=may_end_early) if places else None


def cut_inside_word(text: str, known: Set[str], rng: Random) -> Cut | None:
    """Cut in the middle of a word; None when what is left of it makes a whole query."""
    places = [
        place
        for place in range(1, len(text))
        if text[place - 1].isalpha() and text[place].isalpha()
    ]
    if not places:
        return None
    place = rng.choice(places)
    beginning = text[:place]
    if normalised(beginning) in known:
        return None
    return Cut(beginning, inside_word=True, is_doubtful=False)


def cut_at(text: str, place: int, known: Set[str], *, may_end_early: bool = False) -> Cut | None:
    """The beginning up to a place; None when it is a whole query by itself.

    It is one when it is among the known ones, ends a sentence, or lacks only dispensable words. Of
    what `may_end_early`, every beginning is doubtful that does not end in a word which needs
    another: behind "How many?", "two" is an answer, whatever follows.
    """
    beginning, rest = text[:place].rstrip(), normalised(text[place:]).split()
    words = normalised(beginning).split()
    if not words or beginning[-1] in ".?!" or " ".join(words) in known:
        return None
    if words[-1] in UNFINISHED_AFTER:
        return Cut(beginning, inside_word=False, is_doubtful=False)
    if all(word in DISPENSABLE for word in rest):
        return None
    doubtful = may_end_early or (len(words) >= 2 and rest[0] in ATTACHED_BY | DISPENSABLE)
    return Cut(beginning, inside_word=False, is_doubtful=doubtful)
