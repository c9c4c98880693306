"""Records made by hand: a user's lines and an assistant's replies at given times."""

from duologue.evaluation.duplex.acts import Act
from duologue.evaluation.duplex.outcome import LineOutcome, outcomes
from duologue.evaluation.duplex.playback import Playback
from duologue.evaluation.duplex.record import Record, RecordedReply, ReplySilence, SpokenLine
from duologue.evaluation.duplex.scenario import Line, Scenario
from duologue.lane.steps import EndReason
from duologue.session.transcript import Entry, Outcome, Role
from duologue.talk.script import After

TICK_MS = 160.0
QUERY = Line("Tell me a story", words_per_minute=60)  # 4 s long


def reply(
    number: int,
    started_ms: float,
    ended_ms: float | None = None,
    *,
    end: EndReason = EndReason.STOP,
    text: str = "Once",
    is_taken_back: bool = False,
) -> RecordedReply:
    """A reply whose text begins as soon as it does; one that was taken back was cut."""
    made = RecordedReply(number, started_ms, text, started_ms if text else None)
    made.is_taken_back = is_taken_back
    if ended_ms is not None:
        made.finish(ended_ms, EndReason.INTERRUPTED if is_taken_back else end)
    return made


def cut(number: int, started_ms: float, ended_ms: float) -> RecordedReply:
    """A reply that the user cut off."""
    return reply(number, started_ms, ended_ms, end=EndReason.INTERRUPTED)


def record(*events: tuple[Line, float] | RecordedReply, end_ms: float = 20_000.0) -> Record:
    """Lines with the times at which they began, and replies."""
    lines = [event for event in events if isinstance(event, tuple)]
    scenario = Scenario("by-hand", tuple(line for line, _ in lines), playback=Playback())
    played = Record(scenario, "duo", TICK_MS, end_ms=end_ms)
    played.lines = [SpokenLine(line, line.speech, start_ms) for line, start_ms in lines]
    played.replies = [event for event in events if isinstance(event, RecordedReply)]
    return played


def paused(made: RecordedReply, begin_ms: float, end_ms: float | None = None) -> RecordedReply:
    """The same reply, silent from then until then, or for good."""
    made.silences.append(ReplySilence(begin_ms, end_ms))
    return made


def said(role: Role, text: str, number: int | None = None) -> Entry:
    """An entry of the transcript."""
    outcome = Outcome.ANSWERED if role is Role.USER else Outcome.CUT
    return Entry(role, text, outcome, number)


def during(act: Act, say: str = "one two") -> Line:
    """A line that is meant to fall into a reply; a second for each word."""
    return Line(say, does=act, after=After.REPLY_START, words_per_minute=60)


def overlap(act: Act, *replies: RecordedReply, end_ms: float = 20_000.0) -> LineOutcome:
    """What became of two seconds of speech, from 6000 to 8000 ms, after a query and its replies."""
    return outcomes(record((QUERY, 0), (during(act), 6000), *replies, end_ms=end_ms))[-1]
