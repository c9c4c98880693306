"""The lanes of what was said: the user's words as they came, the assistant's held and shown."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import shorten, wrap

from duologue.telemetry import names
from duologue.telemetry.trace_page.axis import Axis
from duologue.telemetry.trace_page.lanes import ASSISTANT, USER
from duologue.telemetry.trace_page.svg import box, item, label, line
from duologue.telemetry.trace_page.turns import Text, TurnRow

CHAR_PX = 7.3
"""Width of a character in the picture, whose font has one width for all."""
ROW_PX = 16.0
_USER_BAR_PX = USER.top_px + 10
_USER_ROWS = 3
_MAX_PIECE_CHARS = 60
_LATENCY_PX = ASSISTANT.top_px + 18
_BAR_PX = ASSISTANT.top_px + 28
_BAR_HEIGHT_PX = 14.0
_REPLY_LINES = 4
_MIN_REPLY_PX = 176.0
_MAX_REPLY_PX = 640.0


def shapes(turns: Sequence[TurnRow], axis: Axis) -> Iterator[str]:
    """Both lanes."""
    row_ends_px = [0.0] * _USER_ROWS
    for turn in turns:
        if turn.heard:
            yield from _heard(turn, axis, row_ends_px)
    starts = [turn.shown_ms for turn in turns]
    speaking = [turn for turn in turns if turn.shown_ms is not None]
    later = [ms for ms in starts if ms is not None][1:]
    for turn in turns:
        yield from _held(turn, axis)
    for turn, next_ms in zip_longest(speaking, later):
        yield _shown(turn, axis, next_ms)


def _heard(turn: TurnRow, axis: Axis, row_ends_px: list[float]) -> Iterator[str]:
    first_px, last_px = (axis.x_of(turn.heard[place].at_ms) for place in (0, -1))
    said = turn.told.get(names.INPUT_TEXT, "")
    title = f"turn {turn.number}, the user: {said or 'text was not recorded'}"
    bar = box(first_px, _USER_BAR_PX, last_px - first_px + 4, 6, "bar")
    yield item(title, bar, class_="user", id_=f"user-{turn.number}", is_stop=True)
    for piece in turn.heard:
        yield _word(piece, axis.x_of(piece.at_ms), row_ends_px)


def _word(piece: Text, x: float, row_ends_px: list[float]) -> str:
    kind = ("revised to " if piece.is_revision else "") + ("final " if piece.is_final else "")
    whole = piece.text or f"{piece.num_chars} characters"
    drawn = [line(x, _USER_BAR_PX - 3, x, _USER_BAR_PX + 9, "piece")]
    shown = _on_one_line(piece.text) if piece.text else ""
    row = next((n for n, end_px in enumerate(row_ends_px) if end_px <= x), None)
    if shown and row is not None:
        row_ends_px[row] = x + (len(shown) + 1) * CHAR_PX
        class_ = "word revised" if piece.is_revision else "word"
        drawn.append(label(shown, x, _USER_BAR_PX + 22 + row * ROW_PX, class_))
    return item(f"heard: {kind}{whole}", *drawn, class_="heard")


def _held(turn: TurnRow, axis: Axis) -> Iterator[str]:
    for held in turn.held:
        x, end_px = axis.x_of(held.start_ms), axis.x_of(held.end_ms)
        held_ms = held.end_ms - held.start_ms
        if not held.is_taken_back and held_ms <= 0:
            continue
        fate = "withdrawn, and nobody has seen it" if held.is_taken_back else "then shown"
        by = turn.told.get(names.CONFIRMED_BY)
        confirmed = f"\nconfirmed by: {by}" if by and not held.is_taken_back else ""
        title = f"turn {turn.number}: a reply was held for {held_ms:.0f} ms, {fate}{confirmed}"
        drawn = [box(x, _BAR_PX, end_px - x, _BAR_HEIGHT_PX, "bar")]
        if held.is_taken_back:
            drawn.append(label("×", end_px - 4, _BAR_PX + 11, "cross"))
        yield item(title, *drawn, class_="withdrawn" if held.is_taken_back else "held")


def _shown(turn: TurnRow, axis: Axis, next_ms: float | None) -> str:
    assert turn.shown_ms is not None, "it was not shown"
    x, end_px = axis.x_of(turn.shown_ms), axis.x_of(turn.row.end_ms)
    drawn = [box(x, _BAR_PX, end_px - x, _BAR_HEIGHT_PX, "bar")]
    for piece in turn.said:
        at_px = axis.x_of(piece.at_ms)
        drawn.append(line(at_px, _BAR_PX, at_px, _BAR_PX + _BAR_HEIGHT_PX, "piece"))
    for from_ms, to_ms in turn.silences():
        from_px = axis.x_of(from_ms)
        drawn.append(box(from_px, _BAR_PX, axis.x_of(to_ms) - from_px, _BAR_HEIGHT_PX, "paused"))
    cut_ms = turn.interrupted_ms()
    if cut_ms is not None:
        drawn.append(label("✂", axis.x_of(cut_ms) - 4, _BAR_PX + 12, "cross"))
    drawn += _latency(turn, axis)
    room_px = _MAX_REPLY_PX if next_ms is None else axis.x_of(next_ms) - x - CHAR_PX
    drawn += _reply(turn, x, min(max(room_px, _MIN_REPLY_PX), max(end_px - x, _MAX_REPLY_PX)))
    return item(
        _title(turn), *drawn, class_="assistant", id_=f"assistant-{turn.number}", is_stop=True
    )


def _latency(turn: TurnRow, axis: Axis) -> list[str]:
    """From the last word to the first text."""
    first_text_ms = turn.told.get(names.FIRST_TEXT_MS)
    if first_text_ms is None or not turn.said:
        return []
    end_ms = turn.said[0].at_ms
    x, end_px = axis.x_of(end_ms - first_text_ms), axis.x_of(end_ms)
    ends = (
        line(at_px, _LATENCY_PX - 4, at_px, _LATENCY_PX + 4, "latency") for at_px in (x, end_px)
    )
    text = label(f"{first_text_ms:.0f} ms", end_px + 5, _LATENCY_PX + 4, "latency-name")
    return [line(x, _LATENCY_PX, end_px, _LATENCY_PX, "latency"), *ends, text]


def _reply(turn: TurnRow, x: float, room_px: float) -> list[str]:
    said = "".join(piece.text for piece in turn.said)
    lines = wrap(said, max(8, int(room_px / CHAR_PX)))
    if len(lines) > _REPLY_LINES:
        lines = [*lines[: _REPLY_LINES - 1], lines[_REPLY_LINES - 1][:-1] + "…"]
    top_px = _BAR_PX + _BAR_HEIGHT_PX + 16
    return [label(each, x, top_px + number * ROW_PX, "reply") for number, each in enumerate(lines)]


def _title(turn: TurnRow) -> str:
    what = "the rest of a reply" if turn.is_rest else "the assistant"
    said = turn.told.get(names.OUTPUT_TEXT, "")
    lines = [f"turn {turn.number}, {what}: {said or 'text was not recorded'}"]
    for name, form in _TOLD:
        if (value := turn.told.get(name)) is not None:
            lines.append(form.format(", ".join(value) if isinstance(value, list) else value))
    return "\n".join(lines)


_TOLD = (
    (names.FIRST_TEXT_MS, "first text {:.0f} ms after the last word"),
    (names.HELD_MS, "held for {:.0f} ms"),
    (names.CONFIRMED_BY, "confirmed by: {}"),
    (names.TAKEN_BACK, "decisions that were taken back: {}"),
    (names.FINISH_REASONS, "ended: {}"),
)


def _on_one_line(text: str) -> str:
    text = " ".join(text.split())
    return shorten(text, _MAX_PIECE_CHARS, placeholder="…") if text else ""
