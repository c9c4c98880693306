"""Events are light, and tell of deliberate errors by their codes."""

import subprocess
import sys

import pytest

from duologue import errors
from duologue.errors import InvalidInput
from duologue.events import Envelope, Error, PlaybackAck, ResponseStarted


def test_an_error_is_told_by_its_code_and_its_field() -> None:
    assert Error.of(InvalidInput("must be set", field="tenant")) == Error(
        "invalid_input", "tenant must be set", "tenant"
    )
    assert Error.of(errors.KVMemoryExhausted("full")) == Error("capacity_exceeded", "full")


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
