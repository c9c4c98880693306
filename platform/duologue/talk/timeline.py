"""A conversation printed as a timeline: one line per thing that was heard, decided or said."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from duologue.events import (
    ContextTrimmed,
    Envelope,
    Error,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
    SessionClosed,
    StateReason,
    ToolCall,
)
from duologue.lane.steps import EndReason
from duologue.session.transcript import Entry, Role
from duologue.states import State
from duologue.talk.latency import LatencyMeter, ReplyLatency

_MARKS: Mapping[State, tuple[str, str]] = {
    State.QUERY: ("<1> query: respond", "bold green"),
    State.NON_QUERY: ("<2> not a query: carry on", "yellow"),
    State.INCOMPLETE: ("keep listening", "dim"),
    State.HOLD: ("hold: fall silent", "bold magenta"),
}
_REASONS: Mapping[StateReason, str] = {
    StateReason.ECHO: "the assistant's own words",
    StateReason.GO_ON: "go on",
    StateReason.SILENCE: "nobody finished it",
    StateReason.LENGTH: "a part of a long utterance",
}
AT_ONCE_MS = 10.0
"""A reply that was held for less than this was not held, as people see it."""
_IN, _OUT = ("in  ▸", "cyan"), ("out ◂", "orange3")


class Timeline:
    """Prints events as they come; the times are milliseconds since the timeline began."""

    def __init__(self, console: Console, start_ms: float) -> None:
        self._console = console
        self._start_ms = start_ms
        self._meter = LatencyMeter()
        self._holds_reply = False
        """Whether a query was decided of whose reply nothing was shown."""

    @property
    def replies(self) -> Sequence[ReplyLatency]:
        return self._meter.replies

    def header(self, title: str) -> None:
        self._console.rule(f"[bold]{title}")
        legend = (
            "time, tick, channel: what was heard with the probabilities of its states and the "
            "decision, and what was said. Both channels share the same forwards."
        )
        self._console.print(Text(legend, style="dim"))

    def note(self, text: str, now_ms: float) -> None:
        """What the script is about to do."""
        line = Text(f"{self._clock(now_ms)}        # {text}", style="italic dim")
        self._console.print(line, soft_wrap=True)

    def heard(self, now_ms: float) -> None:
        self._meter.heard(now_ms)

    def told(self, envelopes: Sequence[Envelope], now_ms: float) -> None:
        """Print server events."""
        latency = self._meter.told(envelopes, now_ms)
        for envelope in envelopes:
            event = envelope.event
            if self._takes_back(event):
                self._print(
                    envelope, _said("the held reply is taken back, unseen", "yellow"), now_ms
                )
            line = _line(event)
            if line is None:
                continue
            if isinstance(event, ResponseStarted):
                line.append(self._held_for(), style="dim")
            if latency is not None and isinstance(event, ResponseDelta):
                line.append(f"   ← first text {latency.first_text_ms:.0f} ms", style="bold green")
                latency = None
            self._print(envelope, line, now_ms)

    def summary(self, transcript: Sequence[Entry]) -> None:
        """The latency of every reply, and what both sides remember."""
        self._console.rule("[bold]Replies")
        table = Table("reply", "to", "decided", "held", "first text", "then", box=None)
        for reply in self.replies:
            first = "-" if reply.first_text_ms is None else f"{reply.first_text_ms:.0f} ms"
            ended = "interrupted" if reply.was_interrupted else "complete"
            decided, held = f"{reply.decided_ms:.0f} ms", f"{reply.held_ms:.0f} ms"
            table.add_row(str(reply.response_id), reply.query, decided, held, first, ended)
        self._console.print(table)
        self._console.rule("[bold]Transcript")
        for entry in transcript:
            self._console.print(entry_line(entry))

    def _takes_back(self, event: ServerEvent) -> bool:
        """Whether a reply that was held is gone: its query went on, or was none."""
        was_held = self._holds_reply
        match event:
            case InputState(reason=StateReason.ECHO):
                return False
            case InputState(state):
                self._holds_reply = state is State.QUERY
                return was_held
            case ResponseStarted():
                self._holds_reply = False
        return False

    def _held_for(self) -> str:
        held_ms = self._meter.replies[-1].held_ms
        return f", was held for {held_ms:.0f} ms" if held_ms >= AT_ONCE_MS else ""

    def _print(self, envelope: Envelope, line: Text, now_ms: float) -> None:
        stamp = Text(f"{self._clock(now_ms)} {envelope.tick:5d}  ", style="dim")
        self._console.print(stamp + line, soft_wrap=True)

    def _clock(self, now_ms: float) -> str:
        return f"{(now_ms - self._start_ms) / 1e3:7.2f}s"


def entry_line(entry: Entry) -> Text:
    """One entry of a transcript."""
    style = "cyan" if entry.role is Role.USER else "orange3"
    line = Text(f"{entry.role:>9}  ", style=style)
    line.append(" ".join(entry.text.split()), style="")
    line.append(f"  ({entry.outcome})", style="dim")
    return line


def _line(event: ServerEvent) -> Text | None:
    """One line for an event; None for one that says nothing new."""
    match event:
        case InputState():
            return _judged(event)
        case ResponseStarted(response_id):
            return _said(f"reply {response_id} begins", "green")
        case ResponseDelta(_, text):
            return _said(text.replace("\n", "⏎"), "")
        case ResponseDone(response_id, reason):
            if reason is EndReason.INTERRUPTED:
                return None
            return _said(f"reply {response_id} ends ({reason})", "dim")
        case Interrupted(response_id, heard_chars):
            return _said(f"reply {response_id} cut: {heard_chars} characters were heard", "red")
        case ResponsePaused(response_id):
            return _said(f"reply {response_id} falls silent", "yellow")
        case ResponseResumed(response_id, from_chars):
            return _said(f"reply {response_id} goes on, from character {from_chars}", "dim")
        case ToolCall(call_id, response_id, name, arguments):
            return _said(f"reply {response_id} calls {name} {arguments} ({call_id})", "blue")
        case ContextTrimmed(dropped_turns):
            return _said(f"the context is full: {dropped_turns} oldest turns left it", "magenta")
        case Error(code, message):
            return Text(f"error {code}: {message}", style="bold red")
        case SessionClosed():
            return Text("the session is closed", style="dim")


def _judged(event: InputState) -> Text:
    mark, style = _MARKS[event.state]
    line = Text(_IN[0] + " ", style=_IN[1])
    line.append(f"{event.text.strip():<44.44s} ")
    line.append(_percentages(event.probabilities), style="dim")
    line.append(f"  {mark}", style=style)
    if event.reason is not StateReason.JUDGED:
        line.append(f" ({_REASONS[event.reason]})", style="dim")
    if event.is_foreign:
        line.append(" (not English)", style="dim")
    if event.look_ahead_tokens and event.state is not State.INCOMPLETE:
        line.append(f" (after {event.look_ahead_tokens} look-ahead)", style="dim")
    return line


def _percentages(probabilities: Mapping[State, float]) -> str:
    names = {State.QUERY: "qu", State.NON_QUERY: "non", State.INCOMPLETE: "inc", State.HOLD: "hold"}
    shown = [f"{names[state]} {100 * p:3.0f}%" for state, p in probabilities.items()]
    return " ".join(shown)


def _said(text: str, style: str) -> Text:
    line = Text(_OUT[0] + " ", style=_OUT[1])
    line.append(text, style=style)
    return line
