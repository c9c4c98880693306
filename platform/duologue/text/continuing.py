"""Whether a text sounds as if it went on with another one, by its first words."""

from duologue.text.words import word_set, words_of

MAX_CHARS = 400
"""So much of a text is read."""

_OPENERS = word_set(
    "without near between before after under over around until till during through towards across "
    "behind beside inside outside per via than as that because since unless although though while "
    "whether please preferably ideally maybe especially including except instead rather not"
)
"""With these a sentence seldom begins, when somebody speaks who has not just spoken."""

_PREPOSITIONS = word_set("to from at on in for with by about of")
_ASKED = word_set("what which who whom whose")
"""Behind a preposition, these begin a question: "in which year was it finished"."""

_RELATIVES = word_set("which who whom whose where")
_AUXILIARIES = word_set("is are was were do does did can could will would should am")
"""Behind a relative, these begin a question."""

_TIMES = word_set("first second third next last tomorrow today tonight")
_CLAUSES = word_set("he she they it we i you there the these those")
"""Behind a time, these begin a sentence: "tomorrow it will be cloudy"."""

_JOINTS = word_set("and or but so if when then")
"""These go on with what was said, unless a clause about something else follows."""

_REPAIRS = word_set("no nope sorry oh ah actually never nevermind forget rather")
"""With these somebody takes back or changes what they have just said."""

_OWN_REPAIRS = word_set("mean meant was just")
"""The same behind "I"."""

_POINTERS = word_set("one ones same other others first last next")
"""Behind "the" they point to what was just spoken of."""

_OTHERS = word_set(
    "he she they it we i you there this these those the "
    "who what when where why how which is are do does did can could will would should"
)
"""With these a clause or a question of its own begins."""

_EITHER_WAY = (
    (_PREPOSITIONS, _ASKED),
    (_RELATIVES, _AUXILIARIES),
    (_TIMES, _CLAUSES | _AUXILIARIES),
)
"""Words that go on with a request, unless one of the others follows."""


def sounds_continued(text: str, *, is_over: bool = False) -> bool:
    """Whether the text reads like the rest of a request, or like a change of it: "to Boston on
    Friday", "and a dessert", "no, I meant Austin", "oh, never mind".

    English only; any other text does not. False too while a word stands alone with which something
    else may begin ("and", "in", "tomorrow"), unless nothing follows it, as `is_over` says: the next
    word will tell.
    """
    words = [word.key for word in words_of(text[:MAX_CHARS])]
    if not words:
        return False
    first, second = words[0], words[1] if len(words) > 1 else None
    for openers, others in _EITHER_WAY:
        if first in openers:
            return is_over if second is None else second not in others
    if first in _JOINTS:
        return second is not None and second not in _OTHERS
    if first == "i":
        return second in _OWN_REPAIRS
    if first == "the":
        return second in _POINTERS or _ends_in_repair(words)
    return first in _OPENERS | _REPAIRS or _ends_in_repair(words)


def _ends_in_repair(words: list[str]) -> bool:
    """Whether what was said is changed by it: "the one after five, I mean"."""
    return len(words) > 2 and words[-2] == "i" and words[-1] in ("mean", "meant")
