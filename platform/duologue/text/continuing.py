"""Whether a text sounds as if it went on with another one, by its first words."""

from duologue.text.words import word_set, words_of

MAX_CHARS = 400
"""So much of a text is read."""

_OPENERS = word_set(
    "to from at on in for with without by near about of between before after under over around "
    "until till during through towards across behind beside inside outside per via than as "
    "that which who whom whose where because since unless although though while whether "
    "please preferably ideally maybe especially including except instead rather not "
    "first second third next last tomorrow today tonight"
)
"""With these a sentence seldom begins, when somebody speaks who has not just spoken."""

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


def sounds_continued(text: str) -> bool:
    """Whether the text reads like the rest of a request, or like a change of it: "to Boston on
    Friday", "and a dessert", "no, I meant Austin", "oh, never mind".

    English only; any other text does not. False too while a joint ("and") stands alone: the next
    word will tell.
    """
    words = [word.key for word in words_of(text[:MAX_CHARS])]
    if not words:
        return False
    if words[0] in _JOINTS:
        return len(words) > 1 and words[1] not in _OTHERS
    if words[0] == "i":
        return len(words) > 1 and words[1] in _OWN_REPAIRS
    if words[0] == "the":
        return (len(words) > 1 and words[1] in _POINTERS) or _ends_in_repair(words)
    return words[0] in _OPENERS | _REPAIRS or _ends_in_repair(words)


def _ends_in_repair(words: list[str]) -> bool:
    """Whether what was said is changed by it: "the one after five, I mean"."""
    return len(words) > 2 and words[-2] == "i" and words[-1] in ("mean", "meant")
