"""The client for programs without an event loop: every call waits for its answer.

with connect("127.0.0.1:50051", api_key=key) as client, client.converse() as conversation:
    conversation.say("What is the capital of Portugal?")
    for event in conversation:
        match event:
            case ResponseDelta(text=text):
                print(text, end="")
            case ResponseDone():
                break

Underneath runs a thread with an event loop. Any thread may call, one reading events and another one
sending, say.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from duologue.client import client as awaited
from duologue.client.belonging import Belonging
from duologue.client.conversation import Conversation as AwaitedConversation
from duologue.client.credentials import Credential
from duologue.client.errors import ClientError, InvalidRequest, UsedElsewhere
from duologue.client.options import ClientOptions, Timing
from duologue.events import ClientEvent
from duologue.session.transcript import Entry
from duologue.session_config import SessionConfig
from duologue.told import Event
from duologue.v1 import conversation_pb2 as pb

_Result = TypeVar("_Result")


def connect(
    address: str | Sequence[str],
    *,
    api_key: Credential | None = None,
    tls: str | Path | None = None,
    tls_certificate: str | Path | None = None,
    tls_key: str | Path | None = None,
    options: ClientOptions | None = None,
    timing: Timing | None = None,
) -> "SyncClient":
    """Like `duologue.client.connect`, for calls that wait; raises InvalidRequest."""
    client = awaited.connect(
        address,
        api_key=api_key,
        tls=tls,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        options=options,
        timing=timing,
    )
    return SyncClient(client)


class _LoopThread:
    """A thread that runs an event loop, from the first call on until it is stopped."""

    def __init__(self) -> None:
        self._belonging = Belonging()
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_over = False

    def run(self, work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Wait for the work's result. Whoever is interrupted while waiting gives it up."""
        self._belonging.require_process()
        loop = self._running_loop()
        future: Future[_Result] = asyncio.run_coroutine_threadsafe(work(), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        with self._starting:
            self._is_over = True
            loop, thread = self._loop, self._thread
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._is_over:
                raise ClientError("this client is closed")
            if threading.current_thread() is self._thread:
                raise UsedElsewhere("a call that waits must not be made where its answer comes in")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run, args=(self._loop,), name="duologue client", daemon=True
                )
                self._thread.start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)  # of conversations whose block was not left
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class SyncClient:
    """Leaving its block ends the conversations that are still open."""

    def __init__(self, client: awaited.Client) -> None:
        self._client = client
        self._thread = _LoopThread()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; a second time nothing happens."""
        try:
            self._thread.run(self._client.aclose)
        except ClientError:
            return  # it is closed, or belongs to the process that forked this one
        self._thread.stop()

    def converse(
        self,
        config: SessionConfig | None = None,
        *,
        on_queued: Callable[[int], None] | None = None,
    ) -> "SyncConversation":
        """A new conversation, once its block is entered.

        While there is no room, `on_queued` is told how many wait before it, in the client's thread.
        """
        return SyncConversation(
            self._thread, lambda: self._client.converse(config, on_queued=on_queued)
        )

    def resume(
        self, session_id: str, resume_token: str, last_server_seq: int = 0
    ) -> "SyncConversation":
        """Go on with a session: the events behind the last one that was seen follow."""
        return SyncConversation(
            self._thread, lambda: self._client.resume(session_id, resume_token, last_server_seq)
        )

    def create_session(self, config: SessionConfig | None = None) -> tuple[pb.Session, str]:
        """A session that nobody talks to yet, and the token that resumes it."""
        return self._thread.run(lambda: self._client.create_session(config))

    def get_session(self, session_id: str) -> pb.Session:
        """What is known of a session; raises SessionNotFound."""
        return self._thread.run(lambda: self._client.get_session(session_id))

    def list_sessions(self, max_sessions: int = 1_000) -> list[pb.Session]:
        """The tenant's sessions, newest first."""
        return self._thread.run(lambda: self._client.list_sessions(max_sessions))

    def close_session(self, session_id: str) -> None:
        """End a session, whoever is connected to it."""
        self._thread.run(lambda: self._client.close_session(session_id))

    def transcript(self, session_id: str) -> list[Entry]:
        """What was said so far, as both sides remember it."""
        return self._thread.run(lambda: self._client.transcript(session_id))


class SyncConversation:
    """Like the conversation that is awaited (`duologue.client.Conversation`), call by call."""

    def __init__(self, thread: _LoopThread, make: Callable[[], AwaitedConversation]) -> None:
        self._thread = thread
        self._make = make
        self._conversation: AwaitedConversation | None = None

    def __enter__(self) -> Self:
        self._conversation = self._thread.run(self._enter)
        return self

    async def _enter(self) -> AwaitedConversation:
        return await self._make().__aenter__()  # made in the loop that it belongs to

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.run(lambda: self._begun.__aexit__(kind, error, traceback))

    @property
    def session_id(self) -> str:
        return self._begun.session_id

    @property
    def resume_token(self) -> str:
        """What resumes the session, together with a key of the tenant."""
        return self._begun.resume_token

    @property
    def strategy(self) -> str:
        """How the session listens and speaks; with `listen` it is for the client to speak."""
        return self._begun.strategy

    @property
    def last_server_seq(self) -> int:
        """The last numbered event that was read here: resume behind it."""
        return self._begun.last_server_seq

    @property
    def num_unread(self) -> int:
        """Events that have come and wait to be read; the number is bounded."""
        return self._begun.num_unread

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.next_event()
        if event is None:
            raise StopIteration
        return event

    def next_event(self, wait_s: float | None = None) -> Event | None:
        """The next event; None at the end of the session, or when none came for so long.

        Without `wait_s` it is waited for.
        """
        return self._thread.run(lambda: _next(self._begun, wait_s))

    def say(self, text: str, *, commit: bool = True) -> None:
        """Say a whole text as one segment; with `commit`, the turn is over with it."""
        self._thread.run(lambda: self._begun.say(text, commit=commit))

    def append(self, text: str, segment_id: str | None = None, *, is_final: bool = False) -> str:
        """Say some more; returns the segment's name."""
        return self._thread.run(lambda: self._begun.append(text, segment_id, is_final=is_final))

    def revise(self, segment_id: str, text: str, *, is_final: bool = False) -> None:
        """Replace a segment's text, which must not be final."""
        self._thread.run(lambda: self._begun.revise(segment_id, text, is_final=is_final))

    def commit(self) -> None:
        """The turn is over for sure: decide without waiting for more."""
        self._thread.run(lambda: self._begun.commit())

    def heard(self, response_id: int, heard_chars: int) -> None:
        """So much of a response was really played or read, in characters from its start."""
        self._thread.run(lambda: self._begun.heard(response_id, heard_chars))

    def cancel(self, response_id: int | None = None) -> None:
        """Stop a response; None stops whichever is in progress."""
        self._thread.run(lambda: self._begun.cancel(response_id))

    def add_context(self, text: str, role: str = "system") -> None:
        """Let the model know something that nobody says here."""
        self._thread.run(lambda: self._begun.add_context(text, role))

    def respond(self, text: str = "", *, instructions: str = "") -> None:
        """Let the assistant speak unasked: this text, or what the model says."""
        self._thread.run(lambda: self._begun.respond(text, instructions=instructions))

    def tool_result(self, call_id: str, output: str = "", *, is_silent: bool = False) -> None:
        """What came of a ToolCall."""
        self._thread.run(lambda: self._begun.tool_result(call_id, output, is_silent=is_silent))

    def update(self, config: SessionConfig) -> None:
        """From now on other settings."""
        self._thread.run(lambda: self._begun.update(config))

    def send(self, event: ClientEvent) -> int:
        """Send any event; returns its number."""
        return self._thread.run(lambda: self._begun.send(event))

    def close(self) -> None:
        """End the session. What was not read yet can still be read."""
        self._thread.run(lambda: self._begun.close())

    def leave(self) -> None:
        """End the stream and leave the session to be resumed."""
        self._thread.run(lambda: self._begun.leave())

    @property
    def _begun(self) -> AwaitedConversation:
        if self._conversation is None:
            raise InvalidRequest("the conversation has not begun: use `with`")
        return self._conversation


async def _next(conversation: AwaitedConversation, wait_s: float | None) -> Event | None:
    try:
        async with asyncio.timeout(wait_s):
            return await anext(conversation)
    except (StopAsyncIteration, TimeoutError):
        return None
