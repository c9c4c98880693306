"""Scripts are read whole, or refused with the place that is wrong."""

from pathlib import Path

import pytest

from duologue.errors import InvalidInput
from duologue.talk import script as script_module
from duologue.talk.script import After, Script, ScriptLine

SHIPPED = Path(script_module.__file__).parent / "scripts"


def written(folder: Path, text: str) -> Path:
    path = folder / "script.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_script_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "title: Two lines\nlines:\n  - say: hello there\n"
        "  - {say: bye, after: reply_end, delay_ms: 5, word_ms: 7, note: the end}\n",
    )
    assert Script.load(path) == Script(
        title="Two lines",
        lines=(
            ScriptLine("hello there"),
            ScriptLine("bye", After.REPLY_END, delay_ms=5, word_ms=7, note="the end"),
        ),
    )


def test_the_words_of_a_line_give_its_text() -> None:
    assert list(ScriptLine("What  is it?").words) == ["What", " is", " it?"]


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_scripts_that_come_with_the_package_can_be_read(path: Path) -> None:
    assert Script.load(path).lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("just text", "must have a title and a list of lines"),
        ("lines: []", "has no lines"),
        ("lines: [{say: ''}]", "line 1: a line must say something"),
        ("lines: [{say: hi}, {say: hi, after: noon}]", "line 2: 'noon' is not a valid After"),
        ("lines: [{say: hi, delay_ms: -1}]", "line 1: delay_ms and word_ms must be 0 or more"),
        ("lines: [{say: hi, loud: true}]", "line 1: allowed are after, delay_ms, note, say"),
        ("lines: [{say: hi, delay_ms: soon}]", "line 1: "),
        ("lines: [", "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Script.load(written(tmp_path, text))


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no script"):
        Script.load(tmp_path / "none.yaml")
