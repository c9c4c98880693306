"""Words of an error without the addresses of what is inside: tenants have no use for them, and who
looks for a way in has."""

import re

_NUMBER = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_PLACES = re.compile(
    r"[a-z][a-z0-9+.-]*://[^\s;'\")]+"  # redis://:password@store:6379/0
    r"|unix:[^\s,;'\")]+"
    r"|ipv[46]:[^\s;'\")]+"  # as gRPC writes them
    r"|\[[0-9a-f:.%]*:[0-9a-f:.%]*\](?::\d+)?"
    rf"|\b{_NUMBER}(?:\.{_NUMBER}){{3}}(?::\d{{1,5}})?\b"
    r"|\b[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?:\d{2,5}\b",
    re.IGNORECASE,
)
_INSTEAD = "(an inner address)"


def without_places(words: str) -> str:
    """The words as a tenant may read them."""
    return _PLACES.sub(_INSTEAD, words)
