"""A headless Chromium, driven through a pair of pipes; tests are skipped where there is none."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.waiting import WITHIN_S

_NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-extensions",
    "--no-first-run",
    "--remote-debugging-pipe",
)
_READ_BYTES = 1 << 16
_KEYS = {"Tab": (9, {}), "Enter": (13, {"text": "\r"}), "Escape": (27, {})}
"""Codes of keys that are no characters, and what they write."""
_LOOK_EVERY_MS = 20
_REDIRECTED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""It reads commands from 3 and writes answers to 4."""


def chromium() -> str:
    """Where it is; skips the test that asks if there is none."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"none of {', '.join(_NAMES)} is installed")
    return found


class Tab:
    """One page. What it complains of is kept in `problems`, what it asks for in `requests`."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._number = 0
        self._rest = b""
        self._session: str | None = None
        self._is_loaded = False
        self.problems: list[str] = []
        self.requests: list[str] = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        attached = self.do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command; returns its result."""
        self._number += 1
        number = self._number
        told: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            told["sessionId"] = self._session
        os.write(self._commands, json.dumps(told).encode() + b"\0")
        while (answer := self._next(method)).get("id") != number:
            self._take(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, path: Path) -> None:
        """Go to a file, and wait until it is there."""
        self.visit(path.as_uri())

    def visit(self, url: str) -> None:
        """Go to an address, and wait until it is there."""
        self._is_loaded = False
        self.do("Page.navigate", url=url)
        while not self._is_loaded:
            self._take(self._next("the page"))

    def value(self, expression: str) -> Any:
        """What an expression comes to within the page."""
        told = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true within the page."""
        look = f"() => ({expression}) ? resolve() : setTimeout(look, {_LOOK_EVERY_MS})"
        promise = f"new Promise((resolve) => {{ const look = {look}; look(); }})"
        told = self.do("Runtime.evaluate", expression=promise, awaitPromise=True)
        assert "exceptionDetails" not in told, told

    def type(self, text: str) -> None:
        """Press the key of each character."""
        for character in text:
            self.press(character)

    def press(self, key: str) -> None:
        """A key, down and up."""
        code, text = _KEYS.get(key, (0, {"text": key} if len(key) == 1 else {}))
        named = {"key": key, "windowsVirtualKeyCode": code}
        self.do("Input.dispatchKeyEvent", type="keyDown", **named, **text)
        self.do("Input.dispatchKeyEvent", type="keyUp", **named)

    def _take(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        match event.get("method"):
            case "Page.loadEventFired":
                self._is_loaded = True
            case "Runtime.exceptionThrown":
                self.problems.append(str(told["exceptionDetails"]))
            case "Log.entryAdded":
                self.problems.append(str(told["entry"]["text"]))
            case "Network.requestWillBeSent":
                self.requests.append(str(told["request"]["url"]))

    def _next(self, what: str) -> dict[str, Any]:
        until_s = monotonic() + WITHIN_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until_s - monotonic()))
            assert ready, f"Chromium does not answer: {what}"
            more = os.read(self._answers, _READ_BYTES)
            assert more, f"Chromium ended: {what}"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        event: dict[str, Any] = json.loads(message)
        return event


@contextmanager
def tab(folder: Path) -> Iterator[Tab]:
    """A tab of a browser for as long as the block; the folder is for what the browser keeps."""
    path = chromium()
    command_end, commands = os.pipe()
    answers, answer_end = os.pipe()
    options = (*_OPTIONS, f"--user-data-dir={folder}")
    ends = (str(command_end), str(answer_end))
    process = subprocess.Popen(
        [sys.executable, "-c", _REDIRECTED, *ends, path, *options],
        pass_fds=(command_end, answer_end),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(command_end)
    os.close(answer_end)
    try:
        yield Tab(commands, answers)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(WITHIN_S)
        os.close(commands)
        os.close(answers)
