"""What a live conversation looks like: what was said, and both channels as they move."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from duologue.events import (
    Envelope,
    Error,
    InputState,
    Interrupted,
    ResponsePaused,
    ResponseResumed,
)
from duologue.lane.phase import ReplyPhase
from duologue.session.session import Session
from duologue.session.transcript import Entry, Outcome, Role
from duologue.states import State
from duologue.talk.latency import LatencyMeter

_BAR_CELLS = 12
STATE_COLOURS: Mapping[State, str] = {
    State.QUERY: "green",
    State.NON_QUERY: "yellow",
    State.INCOMPLETE: "grey50",
    State.HOLD: "magenta",
}
_HELP = "type at any time · Enter: I have finished · Esc: stop the reply · Ctrl-D: leave"


class Screen:
    """Follows the events of one session and draws them."""

    def __init__(self, session: Session, height: int) -> None:
        self._session = session
        self._height = height
        self._state: InputState | None = None
        self._notice = ""
        self.num_told = 0
        """Events so far: there is something new to draw when it grows."""
        self.meter = LatencyMeter()

    def told(self, envelopes: Sequence[Envelope], now_ms: float) -> None:
        """Take server events."""
        latency = self.meter.told(envelopes, now_ms)
        if latency is not None:
            self._notice = f"first text after {latency.first_text_ms:.0f} ms"
        self.num_told += len(envelopes)
        for envelope in envelopes:
            match envelope.event:
                case InputState() as state:
                    self._state = state
                case ResponsePaused():
                    self._notice = "the reply falls silent"
                case ResponseResumed():
                    self._notice = "the reply goes on"
                case Interrupted(_, heard_chars):
                    self._notice = f"interrupted after {heard_chars} characters"
                case Error(_, message):
                    self._notice = message
                case _:
                    pass

    def draw(self, typed: str) -> RenderableType:
        """The whole picture; `typed` is what stands in the input line."""
        title = f"out ◂ model{self._standing}"
        return Group(
            Panel(self._past(), title="conversation", border_style="dim", height=self._height),
            Panel(Text(self._reply[-600:] or " "), title=title, border_style="orange3"),
            Panel(Text(typed + "▏"), title="in ▸ you", border_style="cyan"),
            state_bars({} if self._state is None else self._state.probabilities),
            Text(f"{self._notice}", style="bold"),
            Text(_HELP, style="dim"),
        )

    @property
    def _reply(self) -> str:
        """What is shown of the reply; while a new one is held, of the one that it may cut."""
        if self._session.lane.phase is ReplyPhase.NONE:
            return ""
        state = self._session.state
        shown = [each for each in (state.response, state.cut) if each and each.response_id]
        return shown[0].shown_text if shown else ""

    @property
    def _standing(self) -> str:
        """How the reply stands, where that is not plain to see."""
        response = self._session.response
        if response is None or self._session.lane.phase is ReplyPhase.NONE:
            return ""
        if not response.is_confirmed:
            return f" · held, {response.num_tokens} tokens so far"
        return f" · paused: {response.pause}" if response.pause is not None else ""

    def _past(self) -> Text:
        """The last entries that fit."""
        lines = [past_line(entry) for entry in self._session.transcript[-self._height :]]
        return Text("\n").join(lines[-(self._height - 2) :])


def state_bars(probabilities: Mapping[State, float]) -> Text:
    """A bar for each state's probability."""
    line = Text()
    for state, probability in probabilities.items():
        cells = round(probability * _BAR_CELLS)
        line.append(f"{state} ", style=STATE_COLOURS[state])
        line.append("█" * cells + "·" * (_BAR_CELLS - cells) + "  ", style=STATE_COLOURS[state])
    return line


def past_line(entry: Entry) -> Text:
    """An entry in one line of a screen; its outcome is said where it is not the usual one."""
    style = "cyan" if entry.role is Role.USER else "orange3"
    line = Text(f"{entry.role:>9}  ", style=style, no_wrap=True, overflow="ellipsis")
    is_plain = entry.outcome in (Outcome.ANSWERED, Outcome.COMPLETE)
    line.append(" ".join(entry.text.split()), style="" if is_plain else "dim")
    line.append("" if is_plain else f"  ({entry.outcome})", style="dim")
    return line
