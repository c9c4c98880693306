"""Rows are read as they are meant, and bad ones are refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from duologue.errors import InvalidInput
from duologue.evaluation.rows import Row, read_state_rows
from duologue.states import State
from duologue.training.sample import Sample, Turn

GOOD = {"text": "what is the", "label": "incomplete"}


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "rows.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_all_fields_are_read(tmp_path: Path) -> None:
    context = [{"role": "user", "text": "hi"}, {"role": "assistant", "text": "Hello!"}]
    full = GOOD | {"category": "cut", "context": context, "speaking": True, "source": "ours"}
    rows = read_state_rows(write(tmp_path, GOOD, "", full))
    assert [row.line for row in rows] == [1, 3]
    assert rows[0].sample == Sample("what is the", State.INCOMPLETE)
    assert rows[1].sample == Sample(
        "what is the",
        State.INCOMPLETE,
        category="cut",
        context=(Turn("user", "hi"), Turn("assistant", "Hello!")),
        speaking=True,
    )


def test_null_is_as_absent(tmp_path: Path) -> None:
    nulls = GOOD | {"category": None, "context": None, "speaking": None}
    assert read_state_rows(write(tmp_path, nulls))[0].sample == Sample(
        "what is the", State.INCOMPLETE
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": " "}, "text must be a text that is not blank, not ' '"),
        ({"text": None}, "text must be a text that is not blank, not None"),
        (
            {"label": "backchannel"},
            "label must be one of query, non_query, incomplete, hold, not 'backchannel'",
        ),
        ({"label": ["query"]}, "label must be one of"),
        ({"category": 3}, "category must be a text, not 3"),
        ({"speaking": "yes"}, "speaking must be true or false, not 'yes'"),
        ({"context": "hi"}, "context must be a list of {role, text}, not 'hi'"),
        ({"context": ["hi"]}, r"context\[0\] must be an object of role and text, not 'hi'"),
        (
            {"context": [{"role": "user", "text": "a"}, {"role": "bot", "text": "b"}]},
            r"context\[1\].role must be one of user, assistant, not 'bot'",
        ),
        ({"context": [{"role": "user"}]}, r"context\[0\].text must be a text, not None"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = write(tmp_path, GOOD, GOOD | change)
    with pytest.raises(InvalidInput, match=rf"^rows\.jsonl, line 2: {message}"):
        read_state_rows(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{broken", "line 1: not JSON"),
        ("[1, 2]", "line 1: an object is needed"),
        ("", "rows.jsonl has no rows"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_state_rows(write(tmp_path, content))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere\.jsonl cannot be read"):
        read_state_rows(tmp_path / "nowhere.jsonl")


def test_a_reply_that_is_being_spoken_is_not_heard() -> None:
    question, reply = Turn("user", "why"), Turn("assistant", "Because")
    done = Sample("uh-huh", State.NON_QUERY, context=(question, reply))
    running = Sample("uh-huh", State.NON_QUERY, context=(question, reply), speaking=True)
    without = Sample("uh-huh", State.NON_QUERY, context=(question,), speaking=True)
    assert Row(1, done).heard_context == (question, reply)
    assert Row(1, running).heard_context == (question,)
    assert Row(1, without).heard_context == (question,)
