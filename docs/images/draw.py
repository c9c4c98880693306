"""Draws the pictures of docs/; run it after a change, and look at the result.

.venv/bin/python docs/images/draw.py [folder]
"""

import sys
from pathlib import Path

from drawing import FAINT, INK, Picture

from service import service

QUESTION = ["user:", "Tell", "me", "about", "the", "Moon", ".", "end"]
REPLY = ["reply:", "The", "Moon", "is", "a"]
BACKCHANNEL = ["user:", "uh", "-", "h", "uh"]
NOTE = "Headers and end marks (user:, reply:, end) are several tokens in truth, drawn here as one."


def channels() -> Picture:
    """The trunk and the two channels that continue it."""
    picture = Picture(860, 250, "A trunk that two channels continue")
    width, x0, y0 = 54.0, 42.0, 104.0
    picture.text(x0, 32, "Two channels continue one trunk", size=16, bold=True)
    x = picture.cells(x0, y0, "trunk", QUESTION, width=width)
    for offset in range(len(QUESTION)):
        middle = x0 + (offset + 0.5) * width
        picture.text(middle, y0 + 44, str(offset), size=11, anchor="middle", color=FAINT)
    picture.text(x0 + 4 * width, y0 - 12, "trunk", anchor="middle", bold=True)
    for kind, labels, y in (("input", BACKCHANNEL, 60.0), ("output", REPLY, 148.0)):
        start = x + 50
        picture.curve(x, y0 + 14, start, y + 14)
        picture.cells(start, y, kind, labels, width=width)
        for offset in range(len(labels)):
            middle = start + (offset + 0.5) * width
            place = str(len(QUESTION) + offset)
            picture.text(middle, y + 44, place, size=11, anchor="middle", color=FAINT)
    picture.text(x + 50, 50, "input channel: what the user is saying", color="#2364b8")
    picture.text(x + 50, 212, "output channel: what the model is saying", color="#c2570c")
    picture.text(x0, 212, "Small numbers are positions: both", size=12, color=FAINT)
    picture.text(x0, 229, "channels start right behind the trunk.", size=12, color=FAINT)
    return picture


def mask() -> Picture:
    """Which cell a row may look at."""
    picture = Picture(860, 402, "The mask: rows of the two channels against cells of the slot")
    size, x0, y0 = 30.0, 172.0, 124.0
    picture.text(30, 32, "Who may look at whom, in one forward", size=16, bold=True)
    columns = [("trunk", label, place) for place, label in enumerate(QUESTION)]
    columns += [("input", label, place + 8) for place, label in enumerate(BACKCHANNEL)]
    columns += [("output", label, place + 8) for place, label in enumerate(REPLY)]
    columns += [("free", "", -1)] * 3
    for number, (kind, label, place) in enumerate(columns):
        x = x0 + number * size
        picture.text(x + size / 2 + 4, y0 - 34, label, size=11, turned=True)
        picture.cell(x, y0 - 28, kind, str(place) if label else "", width=size, height=20)
    picture.text(x0 - 10, y0 - 14, "cells, with positions", size=12, anchor="end", color=FAINT)
    rows = [("input", label, place + 8) for place, label in enumerate(BACKCHANNEL)]
    rows += [("output", REPLY[-1], 12)]
    for number, (channel, label, position) in enumerate(rows):
        y = y0 + 8 + number * size + (12 if channel == "output" else 0)
        picture.cell(x0 - 62, y + 1, channel, label, width=52, height=size - 4, is_new=True)
        for column, (kind, _, place) in enumerate(columns):
            is_seen = kind in ("trunk", channel) and place <= position
            x = x0 + column * size
            picture.cell(x, y + 1, kind if is_seen else "none", width=size, height=size - 4)
    picture.text(32, y0 + 76, "input rows", color="#2364b8", size=12)
    picture.text(32, y0 + 88 + 5 * size - 44, "output row", color="#c2570c", size=12)
    for begin, end, words in ((0, 8, "trunk"), (8, 13, "input"), (13, 18, "output")):
        picture.brace(x0 + begin * size, x0 + end * size, y0 + 8 + 6 * size + 16, words)
    picture.brace(x0 + 18 * size, x0 + 21 * size, y0 + 8 + 6 * size + 16, "free")
    picture.text(
        30, 384, "A coloured field: the row sees the cell. White: it does not.", color=FAINT
    )
    return picture


def _forwards(picture: Picture, x0: float, y0: float, count: int, step: float, tall: float) -> None:
    for number in range(count):
        picture.box(x0 + number * step, y0, step - 8, tall)
        middle = x0 + number * step + (step - 8) / 2
        picture.text(middle, y0 + 17, f"forward {number + 1}", size=12, anchor="middle", bold=True)


def slices() -> Picture:
    """Two slices on a time line: undecided, and with a promotion."""
    picture = Picture(860, 560, "Two slices, forward by forward")
    picture.text(30, 32, "A slice, forward by forward (k = 4, α = 3)", size=16, bold=True)
    x0, step = 130.0, 176.0
    picture.text(30, 62, "Undecided: max(k, 1 + α) = 4 forwards", bold=True)
    _forwards(picture, x0, 74, 4, step, 154)
    _lanes(picture, x0, 74)
    picture.cells(x0 + 12, 102, "input", ["user:", "And", "what"], width=48)
    for number, word in enumerate(("is", "the", "Moon"), start=1):
        picture.cell(x0 + number * step + 60, 102, "ahead", word, width=48)
    _under(picture, x0, step, 144, ["incomplete"] * 4)
    words = ["system", ",", "orbiting", "the"]
    gives = [",", "orbiting", "the", "Earth"]
    for number, (word, given) in enumerate(zip(words, gives, strict=True)):
        x = x0 + number * step
        picture.cell(x + 54, 164, "output", word, width=60)
        _given(picture, x + 84, 208, f"next token: {given}")
    picture.text(x0, 248, "The dashed look-ahead cells are freed; the input stays.", color=FAINT)
    picture.text(30, 296, "A query, found in forward j = 2: max(k, j + 1) = 4 forwards", bold=True)
    _forwards(picture, x0, 308, 4, step, 154)
    _lanes(picture, x0, 308)
    picture.cells(x0 + 12, 336, "input", ["about", "Mars", "?"], width=48)
    picture.cell(x0 + step + 60, 336, "ahead", "end", width=48)
    _under(picture, x0, step, 378, ["incomplete", "query"])
    for number, (word, given) in enumerate((("Earth", ". (cut)"), (".", "It (cut)"))):
        x = x0 + number * step
        picture.cell(x + 54, 398, "output", word, width=60)
        _given(picture, x + 84, 442, f"next token: {given}")
    x = x0 + 2 * step
    picture.cell(x + 36, 398, "trunk", "end", width=48, is_new=True)
    picture.cell(x + 84, 398, "output", "reply:", width=48, is_new=True)
    _given(picture, x + 84, 442, "new reply: Mars")
    picture.cell(x0 + 3 * step + 54, 398, "output", "Mars", width=60)
    _given(picture, x0 + 3 * step + 84, 442, "next token: is")
    picture.text(x + 84, 352, "promotion between", size=12, anchor="middle", color=FAINT)
    picture.text(x + 84, 368, "forwards 2 and 3", size=12, anchor="middle", color=FAINT)
    picture.text(x0, 486, "Tokens marked (cut) are never shown: the user had cut in.", color=FAINT)
    picture.legend(
        x0,
        514,
        [
            ("input", "input row", False, 110),
            ("ahead", "look-ahead row", False, 145),
            ("output", "output row", False, 120),
            ("trunk", "row that ends the user's turn", True, 210),
        ],
    )
    return picture


def _lanes(picture: Picture, x0: float, y: float) -> None:
    for offset, words, color in ((46, "input rows", "#2364b8"), (108, "output rows", "#c2570c")):
        picture.text(x0 - 12, y + offset, words, size=12, anchor="end", color=color)
    picture.text(x0 - 12, y + 70, "the head reads", size=12, anchor="end", color=FAINT)


def _under(picture: Picture, x0: float, step: float, y: float, states: list[str]) -> None:
    for number, state in enumerate(states):
        is_decided = state != "incomplete"
        x = x0 + number * step + 84
        color = INK if is_decided else FAINT
        picture.text(x, y, state, size=12, anchor="middle", color=color, bold=is_decided)


def _given(picture: Picture, x: float, y: float, words: str) -> None:
    picture.text(x, y, words, size=12, anchor="middle")


OLD = ["…", "the", "Moon", ".", "end"]
SAID = ["reply:", "The", "Moon", "is", "a", "big", "grey", "rock"]
NEXT = ["user:", "And", "what", "about", "Mars", "?"]
NUM_HEARD = 5  # the header and four words


def _before(picture: Picture, x0: float, y: float, width: float) -> None:
    picture.text(x0, y - 14, "Before: the user cuts in", bold=True)
    x = picture.cells(x0, y + 22, "trunk", OLD, width=width)
    picture.curve(x, y + 36, x + 24, y + 14)
    picture.curve(x, y + 36, x + 24, y + 58)
    picture.cells(x + 24, y, "input", NEXT, width=width)
    picture.cells(x + 24, y + 44, "output", SAID, width=width)
    begin = x + 24
    heard = begin + NUM_HEARD * width
    picture.brace(begin, heard, y + 76, "heard")
    picture.brace(heard, begin + len(SAID) * width, y + 76, "not heard yet")


def _freed(picture: Picture, x: float, y: float, width: float, count: int, words: str) -> None:
    end = picture.cells(x, y, "free", [""] * count, width=width)
    picture.text(end + 8, y + 18, words, size=12, color=FAINT)


def branch() -> Picture:
    """Promotion by relabelling."""
    picture = Picture(860, 400, "Promotion by branch: before and after")
    picture.text(30, 32, "Promotion “branch”: relabel, copy nothing", size=16, bold=True)
    width, x0, y = 42.0, 30.0, 214.0
    _before(picture, x0, 78, width)
    picture.text(x0, y - 4, "After: the cut reply is gone", bold=True)
    x = picture.cells(x0, y + 14, "trunk", OLD, width=width)
    begin = x
    x = picture.cells(x, y + 14, "trunk", NEXT, width=width)
    picture.brace(begin, x, y + 48, "relabelled as they are")
    new = x
    x = picture.cells(x, y + 14, "trunk", ["end"], width=width, is_new=True)
    picture.curve(x, y + 28, x + 24, y + 28)
    x = picture.cells(x + 24, y + 14, "output", ["reply:"], width=width, is_new=True)
    picture.brace(new, x, y + 48, "computed in the next forward")
    _freed(picture, x0 + 5 * width, y + 94, width, len(SAID), "freed: the whole cut reply")
    _kinds(picture, 30, 362)
    return picture


def rebase() -> Picture:
    """Promotion that keeps what was heard."""
    picture = Picture(860, 440, "Promotion by rebase: before and after")
    picture.text(
        30,
        32,
        "Promotion “rebase”: keep what was heard, compute the utterance anew",
        size=16,
        bold=True,
    )
    width, x0, y = 40.0, 30.0, 214.0
    _before(picture, x0, 78, width)
    picture.text(x0, y - 4, "After: what was heard of the reply stands in the trunk", bold=True)
    x = picture.cells(x0, y + 14, "trunk", OLD, width=width)
    begin = x
    x = picture.cells(x, y + 14, "trunk", SAID[:NUM_HEARD], width=width)
    picture.brace(begin, x, y + 48, "relabelled as they are")
    new = x
    x = picture.cells(x, y + 14, "trunk", ["end", *NEXT, "end"], width=width, is_new=True)
    picture.curve(x, y + 28, x + 16, y + 28)
    x = picture.cells(x + 16, y + 14, "output", ["reply:"], width=width, is_new=True)
    picture.brace(new, x, y + 48, "computed in the next forward, all together")
    unheard = len(SAID) - NUM_HEARD
    _freed(picture, begin, y + 94, width, unheard, "freed: what was not heard of the reply")
    _freed(
        picture,
        begin,
        y + 132,
        width,
        len(NEXT),
        "freed: the utterance's old cells, for it now stands elsewhere",
    )
    _kinds(picture, 30, 402)
    return picture


def _kinds(picture: Picture, x: float, y: float) -> None:
    picture.legend(
        x,
        y,
        [
            ("trunk", "trunk", False, 90),
            ("input", "input", False, 90),
            ("output", "output", False, 100),
            ("free", "free", False, 85),
            ("any", "thick edge: computed anew", True, 220),
        ],
    )


def revision() -> Picture:
    """A text that is replaced by another."""
    picture = Picture(860, 208, "A revision keeps the common beginning")
    picture.text(30, 32, "A revision: only the changed tail is computed", size=16, bold=True)
    x0, width = 120.0, 66.0
    picture.text(x0 - 12, 76, "before", anchor="end")
    picture.cells(x0, 58, "input", ["user:", "what", "is", "the", "whether"], width=width)
    picture.text(x0 - 12, 130, "after", anchor="end")
    kept = picture.cells(x0, 112, "input", ["user:", "what", "is", "the"], width=width)
    end = picture.cells(kept, 112, "input", ["weather", "in", "Rome"], width=width, is_new=True)
    picture.brace(x0, kept, 146, "kept, with their cells")
    picture.brace(kept, end, 146, "computed in the next forward")
    picture.text(kept + width + 10, 76, "the cell of “whether” is freed", size=12, color=FAINT)
    picture.text(30, 192, "The output channel takes no notice.", size=12, color=FAINT)
    return picture


def trim() -> Picture:
    """The oldest turns leave."""
    picture = Picture(860, 218, "A long conversation forgets its oldest turns")
    picture.text(30, 32, "A long conversation: the oldest turns leave", size=16, bold=True)
    x0, width = 120.0, 116.0
    picture.text(x0 - 12, 76, "before", anchor="end")
    opening, turns = "system prompt", ["turn 1", "turn 2", "turn 3", "turn 4"]
    picture.cells(x0, 58, "trunk", [opening, *turns], width=width)
    picture.cells(x0 + 5 * width, 58, "output", ["reply"], width=80)
    picture.text(x0 - 12, 130, "after", anchor="end")
    x = picture.cells(x0, 112, "trunk", [opening], width=width)
    kept = x
    x = picture.cells(x, 112, "trunk", turns[2:], width=width, is_new=True)
    x = picture.cells(x, 112, "output", ["reply"], width=80, is_new=True)
    picture.brace(x0, kept, 146, "kept")
    picture.brace(kept, x, 146, "computed anew: their positions changed")
    picture.text(
        30,
        202,
        "The last turn, the reply and the utterance in progress always stay.",
        size=12,
        color=FAINT,
    )
    return picture


def multiplexing() -> Picture:
    """The same words through duo and through tdm."""
    picture = Picture(860, 500, "One slice through duo and through tdm")
    picture.text(30, 32, "The same “uh-huh” through duo and tdm (k = 4, α = 3)", size=16, bold=True)
    picture.text(30, 60, "Forwards, when the head finds nothing clear before α runs out", bold=True)
    x0, step = 112.0, 90.0
    for name, y, count in (("duo", 72.0, 4), ("tdm", 176.0, 8)):
        picture.text(x0 - 14, y + 48, name, anchor="end", bold=True)
        for number in range(count):
            picture.box(x0 + number * step, y, step - 6, 90)
            middle = x0 + number * step + 42
            picture.text(middle, y + 15, str(number + 1), size=11, anchor="middle", color=FAINT)
            listens, speaks = number < 4, name == "duo" or number >= 4
            if listens:
                kind, label = ("input", "uh-huh") if number == 0 else ("ahead", "ahead")
                picture.cell(x0 + number * step + 14, y + 22, kind, label, width=56)
            if speaks:
                picture.cell(x0 + number * step + 14, y + 56, "output", "token", width=56)
    picture.text(x0 + 4 * step + 6, 112, "duo: max(k, 1 + α) = 4 forwards")
    picture.text(x0 + 4 * step + 6, 132, "tdm: (1 + α) + k = 8 forwards")
    picture.text(30, 306, "What the model has before it, once “uh-huh” was a non-query", bold=True)
    picture.text(x0 - 14, 340, "duo", anchor="end", bold=True)
    start = picture.cells(x0, 322, "trunk", ["user:", "…Moon.", "end"], width=52)
    spoken = ["reply:", "The", "Moon", "is", "a", "big", "rock"]
    end = picture.cells(start, 322, "output", spoken, width=52)
    picture.brace(start, end, 356, "one reply, as if nothing had been said")
    picture.text(x0 - 14, 412, "tdm", anchor="end", bold=True)
    before = ["user:", "…Moon.", "end", "reply:", "The", "Moon", "is", "end"]
    middle_x = picture.cells(x0, 394, "trunk", before, width=48)
    heard = picture.cells(middle_x, 394, "trunk", ["user:", "uh-huh", "end"], width=48)
    last = picture.cells(heard, 394, "output", ["reply:", "a", "big", "rock"], width=44)
    picture.brace(middle_x, heard, 428, "it stays in the sequence")
    picture.brace(heard, last, 428, "a second reply turn")
    picture.text(30, 484, NOTE, size=12, color=FAINT)
    return picture


PURE, TORCH = "#eef6ee", "#f2effa"
TIERS = (
    ("client", "the terminal or a script today: talk/, runtime/", "#ffffff"),
    ("session", "Session, Utterance, Silence, Response, StepInterpreter: session/, text/", PURE),
    ("engine", "Engine, Seat, Job, Passage, Readers: engine/", TORCH),
    ("forward", "MergedForward, AttentionPlan, sampling, state head: forward/", TORCH),
    ("model", "a transformers network, as it comes: model/", TORCH),
)
DOWN = ("client events: InputAppend, …", "Slice", "Stretch: rows of a channel", "tokens, positions")
UP = ("Envelope: numbered events", "SliceResult: steps", "ForwardOutput", "logits, hidden states")


def layers() -> Picture:
    """Who hands what to whom."""
    picture = Picture(860, 534, "The layers, and what passes between them")
    picture.text(30, 32, "From a key press to a token, and back", size=16, bold=True)
    x0, width, tall, step = 30.0, 524.0, 46.0, 92.0
    for number, (name, words, color) in enumerate(TIERS):
        y = 56 + number * step
        picture.box(x0, y, width, tall, color)
        picture.text(x0 + 12, y + 19, name, bold=True)
        picture.text(x0 + 12, y + 36, words, size=12, color=FAINT)
        if number < len(DOWN):
            picture.arrow(x0 + 30, y + tall + 4, y + step - 4)
            picture.text(x0 + 42, y + tall + 28, DOWN[number], size=12)
            picture.arrow(x0 + 300, y + step - 4, y + tall + 4)
            picture.text(x0 + 312, y + tall + 28, UP[number], size=12)
    beside = (
        (1, "lane/", ("the conversation as tokens:", "Lane, steps, Judge"), PURE),
        (2, "strategies/", ("what a slice does, as a", "generator: duo, tdm, turn"), PURE),
        (3, "kv/", ("slots of cells, their owners", "and positions: KVMemory"), TORCH),
    )
    for number, name, lines, color in beside:
        y = 56 + number * step - 10
        picture.box(620, y, 210, 66, color)
        picture.text(632, y + 20, name, bold=True)
        for offset, words in enumerate(lines):
            picture.text(632, y + 38 + 17 * offset, words, size=12, color=FAINT)
        picture.line(x0 + width, y + 33, 620, y + 33)
    for x, words, color in ((30, "pure Python", PURE), (170, "with torch", TORCH)):
        picture.box(x, 500, 20, 14, color)
        picture.text(x + 28, 511, words, size=12, color=FAINT)
    return picture


PICTURES = {
    "layers": layers,
    "service": service,
    "channels": channels,
    "mask": mask,
    "slice": slices,
    "promotion-branch": branch,
    "promotion-rebase": rebase,
    "revision": revision,
    "trim": trim,
    "duo-and-tdm": multiplexing,
}


def main(folder: Path) -> None:
    """Write every picture into the folder."""
    for name, draw in PICTURES.items():
        (folder / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
