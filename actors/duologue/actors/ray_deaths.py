"""Why an actor is gone, in one line: what Ray says of it has dozens, with the reason among them."""

import re

from ray.exceptions import OutOfMemoryError, RayError

MAX_CHARS = 500

_FOR_MEMORY = "node running low on memory"
_HOW_MUCH = re.compile(r"Memory on the node \([^)]*\) was (\S+ used / \S+ limit)")


def reason_of(error: RayError) -> str:
    """The reason that an error of Ray's gives."""
    text = str(error)
    if isinstance(error, OutOfMemoryError) or _FOR_MEMORY in text:
        found = _HOW_MUCH.search(text)
        how_much = f" ({found[1]})" if found else ""
        return f"Ray killed it because its node ran out of memory{how_much}"
    return " ".join(text.split())[:MAX_CHARS]
