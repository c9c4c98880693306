"""The marks inside what a line says; `speech.py` tells what they mean."""

import re
from collections.abc import Iterator

from duologue.errors import InvalidInput

_MARK = re.compile(
    r"\|\s*pause\s+(?P<pause>\d+)\s*\|"
    r"|\|\s*(?P<final>final)(?:\s+(?P<silence>\d+))?\s*\|"
    r'|\|\s*late\s+(?P<late>\d+)\s+"(?P<text>[^"|]+)"\s*\|'
    r"|\|\s*(?P<commit>commit)\s*\|"
    r"|\|\s*echo\s+(?P<echo>\d+)(?:\s+(?P<misheard>misheard))?\s*\|"
    r"|\{(?P<heard>[^{}|>]+)>(?P<meant>[^{}|>]+)\}(?P<end>[^\s{}|]*)"
    r"|(?P<word>(?:\[[^\[\]{}|]*\]|\([^(){}|]*\)|<[^<>{}|]*>|[^\s{}|])+)"
    r"|(?P<space>\s+)"
)
_KNOWN = (
    "'| pause 700 |', '| final |', '| final 500 |', '| late 900 \"text\" |', '| commit |', "
    "'| echo 8 |', '| echo 8 misheard |' and '{heard>meant}'"
)


def marks_of(say: str) -> Iterator[re.Match[str]]:
    """Marks, words and blanks in their order; raises InvalidInput for what is none of them."""
    place = 0
    while place < len(say):
        mark = _MARK.match(say, place)
        if mark is None:
            raise InvalidInput(f"cannot read {say[place : place + 20]!r}; marks are {_KNOWN}")
        yield mark
        place = mark.end()
