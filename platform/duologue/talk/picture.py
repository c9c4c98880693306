"""What the screen shows, drawn."""

from collections.abc import Mapping

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from duologue.session.transcript import Entry, Outcome, Role
from duologue.states import State
from duologue.talk.model import ChatModel, ConnectionState, percentile

HELP = "type at any time · Enter: I have finished · Esc, Ctrl-X: stop the reply · Ctrl-C: close"
OTHER_ROWS = 12
"""Rows of the picture beside the past."""
MIN_PAST_ROWS = 5
REPLY_ROWS = 4

_BAR_CELLS = 12
_COLOURS: Mapping[State, str] = {
    State.QUERY: "green",
    State.NON_QUERY: "yellow",
    State.INCOMPLETE: "grey50",
    State.HOLD: "magenta",
}
_WORDS = {
    State.QUERY: "a query: it is answered",
    State.NON_QUERY: "not a query: carry on",
    State.INCOMPLETE: "incomplete: it listens",
    State.HOLD: "hold: it keeps silent",
}


def draw(
    model: ChatModel, typed: str, *, num_lost: int = 0, width: int, height: int
) -> RenderableType:
    """The whole picture; `typed` is what stands in the input line, less what did not fit."""
    past_rows = max(MIN_PAST_ROWS, height - OTHER_ROWS - 1)
    inner = max(10, width - 4)
    reply = model.reply[-inner * (REPLY_ROWS - 2) :] if model.is_speaking else ""
    return Group(
        _head(model, width),
        Panel(_past(model, past_rows - 2), border_style="dim", height=past_rows),
        Panel(Text(reply or " "), title=_title(model), border_style="orange3", height=REPLY_ROWS),
        Panel(_line(typed, inner), title=_line_title(num_lost), border_style="cyan", height=3),
        _state(model),
        Text(model.notice, style="bold", no_wrap=True, overflow="ellipsis"),
        Text(HELP, style="dim", no_wrap=True, overflow="ellipsis"),
    )


def _line(typed: str, width: int) -> Text:
    """The end of what was typed, in one row; line breaks are shown as what they are."""
    shown = typed[-width:].replace("\n", "⏎") + "▏"
    while cell_len(shown) > width:
        shown = shown[1:]
    return Text(shown, no_wrap=True)


def _line_title(num_lost: int) -> str:
    return "in ▸ you" + (f" · {num_lost:,} characters did not fit" if num_lost else "")


def _title(model: ChatModel) -> str:
    """Of the reply: how it stands, where that is not plain to see."""
    standing = " · paused" if model.is_paused else ""
    return f"out ◂ model{standing}{' · a reply is held' if model.is_held else ''}"


def latency_line(model: ChatModel) -> str:
    """The latencies so far, in words."""
    values = model.latencies_ms
    if not values:
        return "no reply yet"
    middle, high = percentile(values, 0.5), percentile(values, 0.95)
    return f"last {values[-1]:.0f} ms, p50 {middle:.0f} ms, p95 {high:.0f} ms ({len(values)})"


def _head(model: ChatModel, width: int) -> Text:
    is_well = model.link is ConnectionState.LIVE
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"● {model.link}", style="green" if is_well else "bold yellow")
    line.append(f"  {model.session_id}", style="dim")
    line.append(f"  last key to first text: {latency_line(model)}")
    return line


def _past(model: ChatModel, rows: int) -> Text:
    """The last entries that fit, one line each."""
    lines = [_past_line(entry) for entry in list(model.past)[-rows:]]
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)


def _state(model: ChatModel) -> Text:
    """How the utterance stands, with a bar for each probability."""
    if model.state is None:
        return Text("nothing heard yet", style="dim")
    line = Text(no_wrap=True, overflow="ellipsis")
    state = model.state.state
    line.append(f"{_WORDS[state]}  ", style=f"bold {_COLOURS[state]}")
    if model.state.is_foreign:
        line.append("not English: marks and silence tell its end  ", style="dim")
    return line + _bars(model.state.probabilities)


def _bars(probabilities: Mapping[State, float]) -> Text:
    """A bar for each state's probability."""
    line = Text()
    for state, probability in probabilities.items():
        cells = round(probability * _BAR_CELLS)
        line.append(f"{state} ", style=_COLOURS[state])
        line.append("█" * cells + "·" * (_BAR_CELLS - cells) + "  ", style=_COLOURS[state])
    return line


def _past_line(entry: Entry) -> Text:
    """An entry in one line; its outcome is said where it is not the usual one."""
    style = "cyan" if entry.role is Role.USER else "orange3"
    line = Text(f"{entry.role:>9}  ", style=style, no_wrap=True, overflow="ellipsis")
    is_plain = entry.outcome in (Outcome.ANSWERED, Outcome.COMPLETE)
    line.append(" ".join(entry.text.split()), style="" if is_plain else "dim")
    line.append("" if is_plain else f"  ({entry.outcome})", style="dim")
    return line
