"""Events are light, and every deliberate error has a code to be told by."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from duologue import errors
from duologue.errors import DuologueError, InvalidInput
from duologue.events import Envelope, Error, ErrorCode, PlaybackAck, ResponseStarted


def kinds_that_events_tell() -> Iterator[type[DuologueError]]:
    """Those of the library; those of the gateway and the client end calls and are no events."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, DuologueError) and kind is not DuologueError:
            yield kind


@pytest.mark.parametrize("kind", list(kinds_that_events_tell()), ids=lambda kind: kind.__name__)
def test_every_kind_of_error_is_told_by_a_code_of_its_own(kind: type[DuologueError]) -> None:
    event = Error.of(kind("what was wrong"))
    assert event.message == "what was wrong"
    assert event.code is not ErrorCode.INTERNAL


def test_the_more_special_kind_of_error_gives_the_code() -> None:
    assert Error.of(errors.InvalidSetting("x")).code is ErrorCode.INVALID_SETTING
    assert Error.of(errors.KVMemoryExhausted("x")).code is ErrorCode.CAPACITY_EXCEEDED
    assert Error.of(DuologueError("x")).code is ErrorCode.INTERNAL


def test_hearing_less_than_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="heard_chars must be 0 or more, not -1"):
        PlaybackAck(response_id=1, heard_chars=-1)


def test_events_are_numbered_from_one() -> None:
    assert Envelope(1, tick=0, epoch=0, event=ResponseStarted(1)).event == ResponseStarted(1)
    with pytest.raises(AssertionError, match="starts at 1"):
        Envelope(0, tick=0, epoch=0, event=ResponseStarted(1))


def test_events_load_neither_torch_nor_transformers() -> None:
    script = (
        "import sys, duologue.events\n"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
