"""What is logged as JSON meanwhile."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from duologue.telemetry.logs import JsonFormatter


class JsonLog:
    """The entries of the log, in order."""

    def __init__(self) -> None:
        self._text = StringIO()
        self.handler = logging.StreamHandler(self._text)
        self.handler.setFormatter(JsonFormatter("test"))

    def entry(self, part: str) -> dict[str, Any]:
        """The first one with this in its message."""
        entries = [json.loads(line) for line in self._text.getvalue().splitlines()]
        found = [each for each in entries if part in each["message"]]
        assert found, f"{part!r} is not among {[each['message'] for each in entries]}"
        first: dict[str, Any] = found[0]
        return first


@contextmanager
def json_log(level: int = logging.INFO) -> Iterator[JsonLog]:
    """The log of the block."""
    log, root = JsonLog(), logging.getLogger("duologue")
    before = root.level
    root.addHandler(log.handler)
    root.setLevel(level)
    try:
        yield log
    finally:
        root.setLevel(before)
        root.removeHandler(log.handler)
