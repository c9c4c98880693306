"""Words of an error, short enough to travel.

They go in the headers of HTTP/2, where all of a call's have 8 KiB together, and there a letter that
is not ASCII takes up to twelve bytes. They may quote what was sent, which can be anything.
"""

MAX_TOLD_BYTES = 1_000
"""Of an error's words in a header. They are there up to three times: as the status's message, and
twice in its details, where they are shorter."""

_MORE = "..."


def brief(words: str, max_bytes: int = MAX_TOLD_BYTES) -> str:
    """The words, cut where they would take more than so many bytes in a header."""
    words = words.encode(errors="replace").decode()  # a lone surrogate can be sent by nobody
    taken = 0
    for place, char in enumerate(words):
        taken += _header_bytes(char)
        if taken > max_bytes:
            return _cut(words[:place], max_bytes) + _MORE
    return words


def _cut(words: str, max_bytes: int) -> str:
    """Leave room for the dots."""
    room = max_bytes - len(_MORE)
    taken = sum(map(_header_bytes, words))
    while taken > room:
        taken -= _header_bytes(words[-1])
        words = words[:-1]
    return words


def _header_bytes(char: str) -> int:
    """gRPC writes what is not plain ASCII as %XX, byte by byte."""
    return 1 if " " <= char <= "~" and char != "%" else 3 * len(char.encode())
