"""A scripted, timed conversation, printed as a timeline."""

import asyncio
from collections.abc import Awaitable, Callable

from rich.console import Console

from duologue.background import running
from duologue.clock import Clock
from duologue.events import (
    Envelope,
    InputAppend,
    InputState,
    ResponseDone,
    ResponseResumed,
    ResponseStarted,
)
from duologue.notices import GoAway, Notice, Queued, SessionMoved, SessionReady
from duologue.states import State
from duologue.talk.conversation import ConversationSource, OpenConversation
from duologue.talk.script import MAX_WAIT_MS, After, Script, ScriptLine
from duologue.talk.timeline import Timeline
from duologue.told import ConnectionLost

Sleep = Callable[[float], Awaitable[None]]


class Follower:
    """Reads what is told, prints it, and knows who has the floor."""

    def __init__(self, timeline: Timeline, clock: Clock) -> None:
        self._timeline = timeline
        self._clock = clock
        self._changed = asyncio.Event()
        self.has_reply_started = False
        """Since the last line began."""
        self.decided: set[str] = set()
        """Segments that were decided."""
        self.is_over = False
        self._running: int | None = None
        """The reply that is shown."""
        self._is_awaited = False
        """Whether a query was decided whose reply is not shown yet."""

    @property
    def is_reply_over(self) -> bool:
        """Whether no reply is shown, nor to be expected."""
        return self._running is None and not self._is_awaited

    async def read(self, conversation: OpenConversation) -> None:
        async for told in conversation.told():
            now_ms = self._clock.now_ms()
            if isinstance(told, Envelope):
                self._timeline.told([told], now_ms)
                self._follow(told)
            elif (note := _note(told)) is not None:
                self._timeline.note(note, now_ms)
            self._changed.set()
        self.is_over = True
        self._changed.set()

    async def wait_for(self, is_there: Callable[[], bool]) -> None:
        """Wait for something to be told, or for it to be in vain."""
        try:
            async with asyncio.timeout(MAX_WAIT_MS / 1e3):
                while not (is_there() or self.is_over):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self._timeline.note("what the script waits for does not come", self._clock.now_ms())

    def _follow(self, told: Envelope) -> None:
        match told.event:
            case InputState(state, segment_ids=segment_ids) if state is not State.INCOMPLETE:
                self.decided.update(segment_ids)
                self._is_awaited = state is State.QUERY
            case ResponseStarted(response_id):
                self.has_reply_started, self._is_awaited = True, False
                self._running = response_id
            case ResponseResumed(response_id):
                self._running, self._is_awaited = response_id, False
            case ResponseDone(response_id) if response_id == self._running:
                self._running = None
            case _:
                pass


def _note(told: Notice | ConnectionLost) -> str | None:
    match told:
        case ConnectionLost(reason):
            return f"connection lost: {reason}"
        case Notice(event=SessionReady(session_id=session_id)):
            return f"session {session_id} is ready"
        case Notice(event=SessionMoved(reason)):
            return f"the session moved: {reason}"
        case Notice(event=GoAway()):
            return "the gateway is leaving"
        case Notice(event=Queued(position)):
            return f"queued behind {position}"
        case _:
            return None


class ScriptPlayer:
    """Says the lines of a script at their times, word by word; one segment per line."""

    def __init__(
        self, conversation: OpenConversation, timeline: Timeline, clock: Clock, sleep_ms: Sleep
    ) -> None:
        self._conversation = conversation
        self._timeline = timeline
        self._clock = clock
        self._sleep_ms = sleep_ms
        self._follower = Follower(timeline, clock)

    async def play(self, script: Script) -> None:
        """To the end of the reply to the last line."""
        async with running(self._follower.read(self._conversation)):
            for number, line in enumerate(script.lines, start=1):
                await self._say(line, f"line-{number}")
            last = f"line-{len(script.lines)}"
            await self._follower.wait_for(lambda: last in self._follower.decided)
            await self._follower.wait_for(lambda: self._follower.is_reply_over)

    async def _say(self, line: ScriptLine, segment: str) -> None:
        await self._follower.wait_for(lambda: self._has_come(line.after))
        await self._sleep_ms(line.delay_ms)
        self._follower.has_reply_started = False
        if line.note:
            self._timeline.note(line.note, self._clock.now_ms())
        at_ms = self._clock.now_ms()
        for word in line.words:
            self._timeline.heard(self._clock.now_ms())
            await self._conversation.send(InputAppend(segment, word))
            at_ms += line.word_ms
            await self._sleep_ms(max(0.0, at_ms - self._clock.now_ms()))

    def _has_come(self, cue: After) -> bool:
        match cue:
            case After.PREVIOUS:
                return True
            case After.REPLY_START:
                return self._follower.has_reply_started
            case After.REPLY_END:
                return self._follower.is_reply_over


async def hold_scripted(
    source: ConversationSource,
    script: Script,
    console: Console,
    *,
    clock: Clock,
    sleep_ms: Sleep,
) -> Timeline:
    """Hold the conversation, print the timeline as it goes, then latencies and transcript."""
    timeline = Timeline(console, clock.now_ms())
    timeline.header(script.title)
    async with source.begin(lambda position: None) as conversation:
        await ScriptPlayer(conversation, timeline, clock, sleep_ms).play(script)
    timeline.summary(await source.transcript(conversation.session_id))
    return timeline
