"""Utterances that were written one by one, with what stood before them.

The corpora that may be used hold few of the things that people say most: answers with a reason
behind them, complaints, slang, talk over the assistant's head. A file is read so:

    == query free_answer                            a label and a category
    C: U: I need a cab | A: Where are you?          the turns before the rows that follow
    - in front of the library                       a row
    C: U: How do plants drink? | speaking           a reply to that is under way
    C: alone                                        nothing stands before
"""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from duologue.errors import InvalidInput
from duologue.states import State
from duologue.training.corpora.folder import is_held_out
from duologue.training.pieces import Piece
from duologue.training.sample import Role, Sample, Turn

WRITTEN = "written"
_ROLES: dict[str, Role] = {"U:": "user", "A:": "assistant"}


def written_pieces(folder: Path | None = None, *, held_out: bool) -> Iterator[Piece]:
    """What ships with the package (or another folder's), one split of it.

    What has the same turns before it is in the same split; what has none fits any context.
    """
    root = folder or Path(str(files("duologue.training") / "written"))
    for path in sorted(root.glob("*.txt")):
        for row in written_rows(path.read_text(encoding="utf-8").splitlines()):
            if is_held_out(row.context[-1].text if row.context else row.text) is held_out:
                context = row.context or None
                speaking = row.speaking if row.context else None
                yield Piece(row.text, row.label, row.category, WRITTEN, context, speaking)


def written_rows(lines: Iterable[str]) -> Iterator[Sample]:
    """The rows of one file; raises `InvalidInput` naming the line that cannot be read."""
    label, category = State.QUERY, ""
    context: tuple[Turn, ...] = ()
    speaking = False
    for number, line in enumerate(lines, start=1):
        kind, _, rest = line.strip().partition(" ")
        match kind:
            case "":
                continue
            case "==":
                label, category = _heading(rest, number)
                context, speaking = (), False
            case "C:":
                context, speaking = _situation(rest, number)
            case "-" if rest.strip():
                yield Sample(rest.strip(), label, category, context, speaking)
            case _:
                raise InvalidInput(f"line {number}: none of ==, C: and - with a text: {line!r}")


def _heading(text: str, number: int) -> tuple[State, str]:
    label, _, category = text.partition(" ")
    if label not in list(State):
        raise InvalidInput(f"line {number}: {label!r} is none of {', '.join(State)}")
    return State(label), category


def _situation(text: str, number: int) -> tuple[tuple[Turn, ...], bool]:
    """The turns before, and whether the assistant is replying to the last of them."""
    turns = [] if text == "alone" else text.split(" | ")
    is_speaking = turns[-1:] == ["speaking"]
    said = turns[:-1] if is_speaking else turns
    return tuple(_turn(turn, number) for turn in said), is_speaking


def _turn(text: str, number: int) -> Turn:
    who, _, said = text.strip().partition(" ")
    if who not in _ROLES or not said:
        raise InvalidInput(f"line {number}: a turn is U: or A: and a text, not {text!r}")
    return Turn(_ROLES[who], said)
