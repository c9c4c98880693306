"""Replies under `duo`, in quiet or while the user side goes on talking."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from duologue.clock import ManualClock
from duologue.engine.engine import Engine
from duologue.evaluation.faithfulness.prompts import DISTURBANCES, NUM_PIECES, in_pieces
from duologue.evaluation.faithfulness.reply import Reply
from duologue.evaluation.forced import ForcedHead
from duologue.events import Envelope, InputAppend, InputCommit, InputState
from duologue.lane.slices import SliceResult
from duologue.lane.steps import Conclude, EndReason, Finish, Promote, Say
from duologue.runtime.local import LocalRuntime
from duologue.session.setup import SessionSetup
from duologue.states import State

MAX_AT_ONCE = 24
PERIOD_TICKS = NUM_PIECES + 1
"""From one disturbance to the next: a tick for each piece, and one of silence."""
DISTURBED_LOOK_AHEAD = 3
"""At least so many look-ahead tokens when disturbances are forced, so that rollbacks happen."""

Advance = Callable[[int], None]
"""advance(prompts): hears of prompts that are done."""


class Course(StrEnum):
    """What is heard during the replies."""

    QUIET = "quiet"
    """Nothing."""
    FORCED = "disturbed"
    """Disturbances, each judged incomplete until its last piece, and then not to be a query."""
    JUDGED = "disturbed, really judged"
    """The same disturbances, judged by the state head."""


@dataclass(frozen=True, slots=True)
class CourseReplies:
    """The replies of one course, in the order of the prompts."""

    course: Course
    replies: Sequence[Reply]
    decisions: Counter[State]
    """What was decided about disturbances."""
    num_forwards: int
    num_rows: int


def answer(
    engine: Engine,
    head: ForcedHead,
    setup: SessionSetup,
    prompts: Sequence[str],
    course: Course,
    advance: Advance = lambda num_prompts: None,
) -> CourseReplies:
    """Answer each prompt in a session of its own; `engine` reads states by `head`.

    Prompts are always taken for queries; what is compared is the replies. Nobody listens to them,
    so they have no pace.
    """
    setup = replace(setup, decoding=replace(setup.decoding, reply_tokens_per_second=0.0))
    if course is Course.FORCED:
        ahead = max(DISTURBED_LOOK_AHEAD, setup.decoding.look_ahead_tokens)
        setup = replace(setup, decoding=replace(setup.decoding, look_ahead_tokens=ahead))
    before = engine.num_forwards, engine.num_rows
    replies: list[Reply] = []
    decisions: Counter[State] = Counter()
    for first in range(0, len(prompts), MAX_AT_ONCE):
        some = prompts[first : first + MAX_AT_ONCE]
        wave = _Wave(engine, head, setup, some, course)
        replies += wave.run(first)
        decisions += wave.decisions
        advance(len(some))
    num_forwards, num_rows = engine.num_forwards - before[0], engine.num_rows - before[1]
    return CourseReplies(course, replies, decisions, num_forwards, num_rows)


MAX_TICKS = 10_000
"""More than the longest reply takes."""


class _Wave:
    """Sessions that are answered in step, so that all can be forced to the same decision."""

    def __init__(
        self,
        engine: Engine,
        head: ForcedHead,
        setup: SessionSetup,
        prompts: Sequence[str],
        course: Course,
    ) -> None:
        self._head, self._setup, self._course = head, setup, course
        self._prompts = {f"prompt-{place}": prompt for place, prompt in enumerate(prompts)}
        self._clock = ManualClock()
        tick_ms = setup.decoding.tick_ms
        self._runtime = LocalRuntime(engine, self._clock, tick_ms=tick_ms, listener=self._listen)
        self._writers = {name: _ReplyWriter() for name in self._prompts}
        self.decisions: Counter[State] = Counter()
        self._is_disturbed = False

    def run(self, first: int) -> list[Reply]:
        """The replies; `first` is the number of the first prompt, which chooses disturbances."""
        self._head.state = State.QUERY
        for name, prompt in self._prompts.items():
            self._runtime.open(name, self._setup)
            self._runtime.send(name, InputAppend("prompt", prompt, is_final=True))
            # Whatever is said next is a disturbance, and no part of the prompt.
            self._runtime.send(name, InputCommit())
        try:
            self._tick()
            self._is_disturbed = self._course is not Course.QUIET
            tick = 0
            while not all(writer.is_done for writer in self._writers.values()):
                if self._is_disturbed:
                    self._disturb(tick, first)
                self._tick()
                tick += 1
                assert tick < MAX_TICKS, "a reply does not end"
        finally:
            for name in self._prompts:
                self._runtime.close(name)
        return [writer.reply for writer in self._writers.values()]

    def _disturb(self, tick: int, first: int) -> None:
        """Say the piece of a disturbance that belongs to this tick to all who still answer."""
        number, piece = divmod(tick, PERIOD_TICKS)
        is_last = piece == NUM_PIECES - 1
        self._head.state = State.NON_QUERY if is_last else State.INCOMPLETE
        if self._course is Course.JUDGED:
            self._head.state = None
        if piece == NUM_PIECES:
            return
        for place, (name, writer) in enumerate(self._writers.items(), start=first):
            text = in_pieces(DISTURBANCES[(place + number) % len(DISTURBANCES)])[piece]
            if text and not writer.is_done:
                self._runtime.send(name, InputAppend(f"noise-{number}", text, is_final=is_last))

    def _tick(self) -> None:
        for result in self._runtime.run_tick().results:
            self._writers[result.session_id].note(result)
        self._clock.advance(self._runtime.ticks.until_next(self._clock.now_ms()))

    def _listen(self, name: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        if self._is_disturbed:
            states = [e.event.state for e in envelopes if isinstance(e.event, InputState)]
            self.decisions.update(state for state in states if state is not State.INCOMPLETE)


class _ReplyWriter:
    """Writes down the tokens of one session's first reply."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._has_begun = False
        self._end: EndReason | None = None

    @property
    def is_done(self) -> bool:
        return self._end is not None

    @property
    def reply(self) -> Reply:
        assert self._end is not None, "the reply is not over"
        return Reply(
            tuple(self._tokens),
            has_stopped=self._end is EndReason.STOP,
            is_interrupted=self._end is EndReason.INTERRUPTED,
        )

    def note(self, result: SliceResult) -> None:
        """Take what a slice did; raises the error that ended it, if there is one."""
        if result.error is not None:
            raise result.error
        for step in result.steps:
            if self.is_done:
                return
            match step:
                case Promote():
                    self._end = EndReason.INTERRUPTED if self._has_begun else None
                    self._has_begun = True
                case Say(tokens):
                    self._tokens.extend(tokens)
                case Finish(reason):
                    self._end = reason
                case Conclude():  # before its end, as at a stop string
                    self._end = EndReason.INTERRUPTED
                case _:
                    pass
