"""One person: speaks word by word at their own rate, listens, cuts in, reads, thinks, goes on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.crowd.ear import Ear
from benchmarks.crowd.notes import Notes, Turn
from benchmarks.crowd.repertoire import WORDS_PER_MINUTE, Repertoire
from benchmarks.crowd.voice import Voice
from duologue.client import Client, ClientError, Conversation, LimitReached, SessionConfig
from duologue.clock import Clock
from duologue.evaluation.duplex.acts import ASKING
from duologue.evaluation.duplex.scenario import Line, Scenario
from duologue.evaluation.duplex.windows import MAX_CUE_MS, RESPONSE_WINDOW_MS
from duologue.session.transcript import Outcome, Role
from duologue.talk.script import After

READING_CHARS_PER_S = 25.0
MAX_REPLY_MS = 30_000.0
"""Nobody waits longer for a reply to end."""
THINKING_MS, THINKING_SIGMA = 1_500.0, 0.6
"""Median and spread of the time from having read to speaking again; log-normal."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How people behave, apart from what chance decides."""

    repertoire: Repertoire
    max_reply_tokens: int
    commit_share: float = 0.0
    """Share of turns that end by pressing Enter."""
    floor: str = "confirmed"
    """When their replies are shown."""
    strategy: str | None = None
    """With "listen", each brings an assistant that speaks for itself."""


class Person:
    """One visit. What is said comes at its time, however slow the platform is."""

    def __init__(
        self, client: Client, manners: Manners, clock: Clock, random: Random, notes: Notes
    ) -> None:
        self._client = client
        self._manners = manners
        self._clock = clock
        self._random = random
        self._rate = random.randint(*WORDS_PER_MINUTE)
        self._ear = Ear(notes)
        self._told = asyncio.Event()
        self._until_ms = float("inf")
        self.notes = notes

    async def visit(self, until_ms: float) -> None:
        """Come, talk until it is time to go, and close the session."""
        self._until_ms = until_ms
        manners = self._manners
        config = SessionConfig(
            max_reply_tokens=manners.max_reply_tokens,
            floor=manners.floor,
            strategy=manners.strategy,
        )
        conversation = self._client.converse(config)
        try:
            async with conversation:
                self.notes.ready_ms = self._clock.now_ms()
                await self._talk(conversation)
                await conversation.close()
            await self._check(conversation)
        except LimitReached as error:
            self._failed(str(error))
        except ClientError as error:
            self._failed(f"{type(error).__name__}: {error}")
        finally:
            self._count(conversation)

    def leave(self) -> None:
        """Go as soon as this is over, whenever it was to be."""
        self._until_ms = self._clock.now_ms()

    async def _talk(self, conversation: Conversation) -> None:
        voice = None
        if self._manners.strategy == "listen":
            voice = Voice(conversation, self._ear, self._told, self._clock, self._random)
        doing = {self._listen(conversation, voice), self._go_on(conversation)}
        if voice is not None:
            doing.add(voice.speak())
        tasks = set(map(asyncio.create_task, doing))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _listen(self, conversation: Conversation, voice: Voice | None) -> None:
        async for event in conversation:
            self._ear.told(event, self._clock.now_ms())
            if voice is not None:
                voice.told(event)
            self._told.set()

    async def _go_on(self, conversation: Conversation) -> None:
        while self._clock.now_ms() < self._until_ms:
            topic = self._manners.repertoire.topic(self._random, self._rate)
            await self._play(conversation, topic)
            await self._read_and_think()

    async def _play(self, conversation: Conversation, topic: Scenario) -> None:
        begin_ms = self._clock.now_ms()
        for line in topic.lines:
            start_ms = await self._cue(line, begin_ms)
            if start_ms is None:
                self.notes.num_unsaid += 1
                return
            if start_ms >= self._until_ms:
                return
            await self._say(conversation, line, start_ms)
        turn = self.notes.turns[-1]
        if turn.asks and not await self._wait(lambda: self._ear.has_answered(turn), MAX_CUE_MS):
            turn.waited_ms = self._clock.now_ms() - turn.due_end_ms

    async def _cue(self, line: Line, begin_ms: float) -> float | None:
        """When the line is to begin; None if its occasion does not come."""
        before_ms = self.notes.turns[-1].due_end_ms if self.notes.turns else begin_ms
        before_ms = max(before_ms, begin_ms)
        if line.at_ms is not None:
            return max(before_ms, begin_ms + line.at_ms)
        if line.after is After.PREVIOUS:
            return before_ms + line.delay_ms
        turn = self.notes.turns[-1]
        if not await self._wait(lambda: self._ear.has_answered(turn), RESPONSE_WINDOW_MS):
            turn.waited_ms = self._clock.now_ms() - turn.due_end_ms
            return None
        if line.after is After.REPLY_END:
            await self._wait(lambda: self._ear.running is None, MAX_REPLY_MS)
            return self._clock.now_ms() + line.delay_ms
        start_ms = self._clock.now_ms() + line.delay_ms
        await self._sleep_until(start_ms)
        return start_ms if self._ear.running is not None else None

    async def _say(self, conversation: Conversation, line: Line, start_ms: float) -> None:
        speech = line.speech
        running = self._ear.running
        turn = Turn(
            segment_id=f"turn-{len(self.notes.turns) + 1}",
            act=line.does,
            text=speech.text,
            due_end_ms=start_ms + speech.duration_ms,
            interrupts=None if running is None else running.response_id,
            is_committed=line.does in ASKING and self._random.random() < self._manners.commit_share,
        )
        self.notes.turns.append(turn)
        said = ""
        for piece in speech.pieces:
            await self._sleep_until(start_ms + piece.at_ms)
            if piece.revises:
                await conversation.revise(turn.segment_id, piece.text)
            else:
                await conversation.append(piece.text, turn.segment_id)
            said = piece.text if piece.revises else said + piece.text
            self._ear.sent(turn.segment_id, said, start_ms + piece.at_ms)
            self.notes.late_ms.append(self._clock.now_ms() - start_ms - piece.at_ms)
        if turn.is_committed:
            await conversation.commit()
        turn.sent_end_ms = self._clock.now_ms()

    async def _read_and_think(self) -> None:
        """Until the reply is over and was read, and a new thought is there."""
        await self._wait(lambda: self._ear.running is None, MAX_REPLY_MS)
        read_ms = self._clock.now_ms()
        if self.notes.replies:
            last = self.notes.replies[-1]
            reading_ms = len(last.text) / READING_CHARS_PER_S * 1e3
            read_ms = max(read_ms, (last.first_text_ms or last.started_ms) + reading_ms)
        thinking_ms = THINKING_MS * self._random.lognormvariate(0, THINKING_SIGMA)
        await self._sleep_until(min(read_ms + thinking_ms, self._until_ms))

    async def _wait(self, is_there: Callable[[], bool], limit_ms: float) -> bool:
        """Wait for something to be told, for a limited time."""
        try:
            async with asyncio.timeout(limit_ms / 1e3):
                while not is_there():
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            return False
        return True

    async def _sleep_until(self, at_ms: float) -> None:
        left_ms = at_ms - self._clock.now_ms()
        if left_ms > 0:
            await asyncio.sleep(left_ms / 1e3)

    # What is written down at the end.

    def _failed(self, reason: str) -> None:
        if self.notes.ready_ms is None:
            self.notes.refused = reason
        else:
            self.notes.dropped = reason

    async def _check(self, conversation: Conversation) -> None:
        """The transcript has every complete reply as it was told."""
        kept = {
            entry.response_id: entry.text
            for entry in await self._client.transcript(conversation.session_id)
            if entry.role is Role.ASSISTANT and entry.outcome is Outcome.COMPLETE
        }
        for reply in self.notes.replies:
            if reply.is_complete and kept.get(reply.response_id, reply.text) != reply.text:
                self.notes.num_garbled += 1

    def _count(self, conversation: Conversation) -> None:
        self.notes.num_lost = conversation.seen.num_gaps
        self.notes.num_doubled = conversation.seen.num_repeated
        self.notes.num_resumed = max(0, conversation.stats.num_connections - 1)
        if self.notes.ready_ms is not None and not self.notes.dropped:
            self.notes.num_untaken = conversation.sent.num_kept
