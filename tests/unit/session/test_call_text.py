"""Where calls begin in a reply: by text, by a token, or with its first character."""

import pytest

from duologue.lane.slices import Heard
from duologue.lane.steps import EndReason
from duologue.session.call_text import CallText, WrittenCall, read_calls
from duologue.session.response import Response
from tests.unit.text.tiny_tokenizers import byte_level

CALL = '{"name": "clock", "parameters": {"at": "Köln"}}'
SAID = "Let me look 👩‍👩‍👧"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_token_tells_where_calls_begin(size: int) -> None:
    """It has no text; what the stream had kept back of the text before is shown all the same."""
    tokenizer = byte_level()
    (start,) = tokenizer.encode_markup("<unk>")
    said = tokenizer.encode(SAID)
    tokens = [*said, start, *tokenizer.encode(f"[{CALL}]")]
    response = Response(calls=CallText("<unk>", start))
    for place in range(0, len(tokens), size):
        response.push(tokens[place : place + size], tokenizer)
    response.finish(EndReason.STOP, tokenizer)
    assert response.text == SAID
    assert response.calls is not None
    assert response.calls.text == f"[{CALL}]"
    assert response.heard(len(SAID), tokenizer) == Heard(len(said))


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("before", ["", " \n"])
def test_a_bare_call_is_all_of_its_reply(size: int, before: str) -> None:
    spotted = CallText("")
    written = before + CALL
    pieces = [written[place : place + size] for place in range(0, len(written), size)]
    assert "".join(map(spotted.push, pieces)) + spotted.flush() == ""
    assert spotted.text.strip() == CALL


@pytest.mark.parametrize("said", ["It is noon.", '{"time": 12}', '{"na', f"So: {CALL}"])
def test_what_begins_otherwise_is_said(said: str) -> None:
    spotted = CallText("")
    assert "".join(map(spotted.push, said)) + spotted.flush() == said
    assert not spotted.is_begun


@pytest.mark.parametrize("arguments", ['{"at": "Köln"}', '"{\\"at\\": \\"Köln\\"}"'])
def test_arguments_may_be_written_as_a_text(arguments: str) -> None:
    reading = read_calls(f'[{{"name": "clock", "arguments": {arguments}}}]', ["clock"], 4)
    assert reading.calls == (WrittenCall("clock", '{"at": "Köln"}'),)
    assert len(reading.written) == 1
    assert reading.errors == ()
