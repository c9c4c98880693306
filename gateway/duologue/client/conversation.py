"""One conversation: send text whenever you like, and read what is told, at the same time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from duologue.client.credentials import Credentials
from duologue.client.errors import SessionOver, Unreachable
from duologue.client.inbox import Inbox
from duologue.client.ledger import SeenEvents, SentLedger
from duologue.client.link import Link, LinkStats, Phase
from duologue.client.options import ClientOptions, Timing
from duologue.client.routes import Routes
from duologue.events import (
    AssistantSaid,
    ClientEvent,
    ContextAppend,
    Envelope,
    InputAppend,
    InputCommit,
    InputRevise,
    PlaybackAck,
    ResponseCancel,
    ResponseCreate,
    SessionClose,
    SessionUpdate,
    ToolResult,
)
from duologue.notices import Notice, Queued, SessionReady
from duologue.session_config import SessionConfig
from duologue.told import Event, Told, event_of
from duologue.v1 import conversation_pb2 as pb


class Conversation:
    """A session as its client holds it; resumes by itself when the connection breaks.

    Entering waits until the session can be talked to. Leaving the block closes the session, or
    leaves it to be resumed if the block ends by an exception or after `leave`. What is sent is
    kept until the session has it for good, and sent again after a resumption; each numbered
    event is told once. If resuming fails, iterating and sending raise the ClientError that says
    why. Of one event loop: elsewhere its calls raise UsedElsewhere.
    """

    def __init__(
        self,
        routes: Routes,
        credentials: Credentials,
        opening: pb.ConverseRequest,
        options: ClientOptions,
        timing: Timing,
        on_queued: Callable[[int], None] | None = None,
    ) -> None:
        self._belonging = routes.belonging
        self._inbox: Inbox[Told] = Inbox(options.max_unread)
        self._link = Link(routes, credentials, opening, self._inbox, options, timing)
        self._options = options
        self._on_queued = on_queued
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._link.on_change = self._changed.set
        self._last_read_seq = opening.resume.last_server_seq
        self._segment_id: str | None = None

    # What it is.

    @property
    def session_id(self) -> str:
        return self._ready.session_id

    @property
    def resume_token(self) -> str:
        """What resumes the session, together with a key of the tenant. Each connection brings
        another one: take it when it is needed, or from each SessionReady."""
        return self._ready.resume_token

    @property
    def last_server_seq(self) -> int:
        """The last numbered event that was read here: resume behind it."""
        return self._last_read_seq

    @property
    def tick_ms(self) -> int:
        return self._ready.tick_ms

    @property
    def strategy(self) -> str:
        """How the session listens and speaks, also where the platform chose; with `listen` it is
        for the client to speak."""
        return self._ready.strategy

    @property
    def phase(self) -> Phase:
        """How its connection stands."""
        return self._link.phase

    @property
    def seen(self) -> SeenEvents:
        """Counts repeated and missing numbers."""
        return self._link.seen

    @property
    def sent(self) -> SentLedger:
        """What was sent, and how much of it the session has taken."""
        return self._link.ledger

    @property
    def stats(self) -> LinkStats:
        return self._link.stats

    @property
    def num_unread(self) -> int:
        """Events that have come and wait to be read; the number is bounded."""
        return len(self._inbox)

    # What is told.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return event_of(await self._next())

    async def told(self) -> AsyncIterator[Told]:
        """The same events, each with its number, tick and epoch."""
        while True:
            try:
                told = await self._next()
            except StopAsyncIteration:
                return
            yield told

    # What is said.

    async def say(self, text: str, *, commit: bool = True) -> None:
        """Say a whole text as one segment; with `commit`, the turn is over with it."""
        await self.append(text, is_final=True)
        if commit:
            await self.commit()

    async def append(
        self, text: str, segment_id: str | None = None, *, is_final: bool = False
    ) -> str:
        """Say some more: a letter, a word, a hypothesis. Returns the segment's name.

        Without a name it is the present segment, which goes on until it is final or committed.
        """
        name = segment_id or self._segment_id or f"text-{self.sent.last_seq + 1}"
        await self.send(InputAppend(name, text, is_final))
        if segment_id is None:
            self._segment_id = None if is_final else name
        return name

    async def revise(self, segment_id: str, text: str, *, is_final: bool = False) -> None:
        """Replace a segment's text, which must not be final."""
        await self.send(InputRevise(segment_id, text, is_final))
        if is_final and segment_id == self._segment_id:
            self._segment_id = None

    async def commit(self) -> None:
        """The turn is over for sure: decide without waiting for more."""
        await self.send(InputCommit())
        self._segment_id = None

    async def heard(self, response_id: int, heard_chars: int) -> None:
        """So much of a response was really played or read, in characters from its start.

        From the first call on, or with `SessionConfig(reports_playback=True)` from the beginning,
        what is not reported is not taken for heard.
        """
        await self.send(PlaybackAck(response_id, heard_chars))

    async def cancel(self, response_id: int | None = None) -> None:
        """Stop a response; None stops whichever is in progress."""
        await self.send(ResponseCancel(response_id))

    async def assistant_said(
        self,
        text: str = "",
        response_id: int | None = None,
        *,
        is_end: bool = False,
        heard_chars: int | None = None,
    ) -> None:
        """Where you speak with a model of your own: what your assistant says, in any pieces.

        `response_id` is the number that ResponseStarted gave, or the next one for something that
        nobody asked for; without it, it is the response that is being said, or a new one.
        """
        await self.send(AssistantSaid(text, response_id, is_end, heard_chars))

    async def add_context(self, text: str, role: str = "system") -> None:
        """Let the model know something that nobody says here: a tool's result, a note, or as "user"
        or "assistant" what was said elsewhere. A reply that is being given goes on undisturbed."""
        await self.send(ContextAppend(role, text))

    async def respond(self, text: str = "", *, instructions: str = "") -> None:
        """Let the assistant speak unasked, at once or when it has said what it is saying: this text
        (a greeting, a filler), or what the model says. `instructions` are for it to heed, and stay
        in the conversation."""
        await self.send(ResponseCreate(instructions, text))

    async def tool_result(self, call_id: str, output: str = "", *, is_silent: bool = False) -> None:
        """What came of a ToolCall. When all calls of a response have their results the assistant
        speaks on, unless the last one `is_silent`."""
        await self.send(ToolResult(call_id, output, is_silent))

    async def update(self, config: SessionConfig) -> None:
        """From now on other settings; what was fixed at the start is refused by an Error event."""
        await self.send(SessionUpdate(config))

    async def send(self, event: ClientEvent) -> int:
        """Send any event; returns its number once it is kept to be sent, now or after a resumption.

        Waits while too many events are on their way. Raises SendBufferFull if that does not help
        (nobody reads what is told, or nothing was taken for as long as a resumption may take),
        InvalidRequest for an event that cannot be sent, and what ended the conversation.
        """
        self._check_open()
        if self._link.ledger.is_full:
            await self._wait_for_room()
        client_seq = self._link.ledger.add(event)
        self._link.written()
        return client_seq

    # How it begins and ends.

    async def __aenter__(self) -> Self:
        self._belonging.require()
        self._task = asyncio.create_task(self._run(), name="duologue conversation")
        try:
            while self._link.ready is None and not self._task.done():
                self._tell_queued()
                await self._change()
            if self._link.ready is None:
                self._task.result()
                raise SessionOver("the session ended before it could be talked to")
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._belonging.require()
        try:
            if kind is None and not self._task.done():
                await self.close()
        finally:
            await self._stop()

    async def close(self) -> None:
        """End the session. What was not read yet can still be read.

        Raises Unreachable if the platform does not confirm it in time: the session is kept then.
        """
        await self.send(SessionClose())
        self._link.is_closing = True
        await self._finish("closed")

    async def leave(self) -> None:
        """End the stream and leave the session to be resumed by `session_id` and `resume_token`."""
        self._check_open()
        self._link.leave()
        await self._finish("left")

    async def _finish(self, what: str) -> None:
        assert self._task is not None
        self._inbox.lift_limit()
        limit_s = self._options.close_within_ms / 1e3
        await asyncio.wait({self._task}, timeout=limit_s)
        if not self._task.done():
            await self._stop()
            raise Unreachable(f"session {self.session_id} was not {what} within {limit_s:g} s")
        if not self._task.cancelled():
            self._task.result()

    async def _stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        error: Exception | None = None
        try:
            await self._link.run()
        except Exception as caught:
            error = caught
            raise
        finally:
            self._link.phase = Phase.OVER
            self._inbox.end(error)
            self._changed.set()

    async def _next(self) -> Told:
        self._belonging.require()
        told = await self._inbox.get()
        if isinstance(told, Envelope):
            self._last_read_seq = told.server_seq
        return told

    def _tell_queued(self) -> None:
        newest = self._inbox.newest
        if self._on_queued and isinstance(newest, Notice) and isinstance(newest.event, Queued):
            self._on_queued(newest.event.position)

    def _check_open(self) -> None:
        self._belonging.require()
        if self._task is None:
            raise SessionOver("the conversation has not begun: use `async with`")
        if self._task.done():
            if not self._task.cancelled():
                self._task.result()
            raise SessionOver("the conversation is over")

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(self._options.patience.resume_within_ms / 1e3):
                while self._link.ledger.is_full and not self._inbox.is_full:
                    await self._change()
                    self._check_open()
        except TimeoutError:
            pass  # the ledger says then that it is full

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    @property
    def _ready(self) -> SessionReady:
        if self._link.ready is None:
            raise SessionOver("the conversation has not begun: use `async with`")
        return self._link.ready
