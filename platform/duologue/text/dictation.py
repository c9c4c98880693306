"""Whether a text ends in the midst of what is dictated: numbers in groups, spelled letters."""

from collections.abc import Sequence

from duologue.text.numbers import group_at, is_number_word
from duologue.text.words import word_set

MIN_GROUPS = 3
"""So many numbers or letters in a row are dictated, also if no word announces them."""

_ANNOUNCING = word_set(
    "number numbers code zip postcode address account phone telephone mobile cell pin password"
    " passcode passphrase extension digits letters spelled spelt spell spelling spells serial"
    " license licence plate routing iban reference username email id ssn"
)
_ANNOUNCING_TOGETHER = frozenset(
    (verb, particle) for verb in ("add", "adding", "sum", "tot") for particle in ("up", "together")
)
"""Words in a row that announce several numbers."""
_BETWEEN = word_set(
    "is it's its it are the my a an that that's this was be would will 's number code starting"
    " starts begins beginning ends ending with in like as so um uh er oh o okay well yeah and"
)
_MAX_BETWEEN = 5
_ASKING = word_set(
    "what what's who who's where when why which how is are was were do does did can could will"
    " would should has have"
)
_CONNECTING = frozenset(("dot", "underscore", "hyphen", "dash", "slash"))
_MULTIPLE = frozenset(("double", "triple"))
_MONTHS = word_set(
    "january february march april may june july august september october november december"
)
_ACRONYMS = word_set(
    "usa us uk eu uae un tv pc cd dvd gps atm diy faq phd suv usb cpu gpu fbi cia nba nfl nhl mlb"
    " bbc cnn abc nbc cbs hbo nyc la dc ai it iq ceo cfo cto hr pr rsvp asap eta fyi dna rna mri"
    " api html sql pdf url vpn wifi sms id am pm ad bc ok dj mc vip usd gmt utc est pst irs dmv"
    " ibm bmw aol ups kfc lol omg"
)


def ends_in_dictation(words: Sequence[str]) -> bool:
    """Whether more of something that is dictated is to be expected behind these words.

    It is behind three or more single numbers or letters in a row, or fewer if a word such as
    "number", "spelled" or "add up" announced them. A calculation, a count, a time, a date, or
    letters that are a known abbreviation are no dictation.
    """
    if len(words) > 2 and words[-1] in _CONNECTING and words[-2] not in ("the", "a", "an"):
        return True
    if words[-3:-1] == ("as", "in") and _is_letter(words[-4:-3]):
        return True  # b as in boy
    start = _start_of_run(words)
    run = words[start:]
    if not run or run[-2:] in (("a", "m"), ("p", "m")):
        return False
    if "".join(run) in _ACRONYMS or (start and words[start - 1] in _MONTHS):
        return False
    return _num_groups(run) >= MIN_GROUPS or _is_announced(words, start)


def _start_of_run(words: Sequence[str]) -> int:
    """Where the numbers and letters at the end begin."""
    start = len(words)
    while start and _can_be_dictated(words, start - 1):
        start -= 1
    while start < len(words) and words[start] in ("oh", "o", "and", "a", "i"):
        rest = words[start:]
        if len(rest) >= MIN_GROUPS and rest[0] != "and" and not set(rest) <= {"oh", "o"}:
            break
        start += 1
    return start


def _can_be_dictated(words: Sequence[str], place: int) -> bool:
    word = words[place]
    if word == "and":  # two hundred and five
        before = words[place - 1] if place else ""
        return before in ("hundred", "thousand", "million") and place + 1 < len(words)
    is_number = word.isdecimal() or is_number_word(word) or word in _MULTIPLE
    return is_number or _is_letter((word,))


def _num_groups(run: Sequence[str]) -> int:
    """How many single things were dictated; digits written together count as a few."""
    place = num_groups = 0
    while place < len(run):
        group = group_at(run, place)
        if group is not None and run[place].isdecimal() and group.num_words == 1:
            num_groups += max(1, len(group.digits) - 1)
        else:
            num_groups += 1
        place += group.num_words if group is not None else 1
    is_one_number = len(run) == 1 and not run[0].startswith("0")
    return 1 if is_one_number else num_groups


def _is_announced(words: Sequence[str], start: int) -> bool:
    """Whether a word like "number" stands before the run, and the whole is not a question."""
    if words[0] in _ASKING:
        return False
    for place in range(start - 1, max(-1, start - 2 - _MAX_BETWEEN), -1):
        if (
            words[place] in _ANNOUNCING
            or tuple(words[place - 1 : place + 1]) in _ANNOUNCING_TOGETHER
        ):
            return True
        if words[place] not in _BETWEEN:
            return False
    return False


def _is_letter(word: Sequence[str]) -> bool:
    return len(word) == 1 and len(word[0]) == 1 and word[0].isascii() and word[0].isalpha()
