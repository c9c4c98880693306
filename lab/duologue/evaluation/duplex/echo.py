"""What a microphone near the loudspeaker hears of the assistant itself."""

_MARKS = ".,;:!?\"'()*#-–—"
STAND_IN = "echo"
"""For a word of a reply that is not known yet, when a scenario is read."""


def echo_of(reply: str, num_words: int, *, is_misheard: bool) -> list[str]:
    """The last words of what was said, without the very last one: it may be half said only.

    Misheard they are as speech recognition gives them: small letters, no marks, and the word in the
    middle is lost.
    """
    words = reply.split()[:-1][-num_words:] or [STAND_IN] * num_words
    if not is_misheard:
        return words
    plain = [word.strip(_MARKS).lower() for word in words]
    heard = [word for word in plain if word]
    middle = len(heard) // 2
    return heard[:middle] + heard[middle + 1 :] or words
