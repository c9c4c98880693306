"""A conversation at the terminal: one task reads what is told, one the keyboard, one draws."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack

from rich.console import Console
from rich.live import Live

from duologue.background import first_of
from duologue.clock import Clock, MonotonicClock
from duologue.events import ClientEvent, Envelope, InputState
from duologue.states import State
from duologue.talk.conversation import ConversationSource, OpenConversation
from duologue.talk.keys import Key, Keyboard, raw_keyboard
from duologue.talk.model import ChatModel, ConnectionState
from duologue.talk.picture import draw, latency_line
from duologue.talk.typist import Typist

DRAW_EVERY_MS = 50.0


class LiveChat:
    """Wires a conversation, a keyboard and a screen together."""

    def __init__(self, console: Console, keyboard: Keyboard, clock: Clock) -> None:
        self._console = console
        self._keyboard = keyboard
        self._clock = clock
        self._dirty = asyncio.Event()
        self._keys: asyncio.Queue[list[str | Key]] = asyncio.Queue()
        self._leaving = asyncio.Event()
        self._is_interrupted = False
        self._typist = Typist()
        self.model = ChatModel()

    async def hold(self, source: ConversationSource) -> None:
        """Converse until the user leaves or the session is over; raises what the source raises."""
        async with AsyncExitStack() as stack:
            live = stack.enter_context(Live(console=self._console, auto_refresh=False, screen=True))
            self._listen_to_keys(stack)
            await first_of(self._draw(live), self._converse(source), self._left())

    async def _converse(self, source: ConversationSource) -> None:
        async with source.begin(self._queued) as conversation:
            await first_of(self._read(conversation), self._write(conversation))

    async def _read(self, conversation: OpenConversation) -> None:
        async for told in conversation.told():
            self.model.told(told, self._clock.now_ms())
            event = told.event if isinstance(told, Envelope) else None
            if isinstance(event, InputState) and event.state is not State.INCOMPLETE:
                self._typist.decided(event.segment_ids)
            self._dirty.set()

    async def _write(self, conversation: OpenConversation) -> None:
        """Send what is typed, until the user leaves."""
        while not self._typist.is_gone:
            keys = await self._next_keys()
            now_ms = self._clock.now_ms()
            before = self._typist.text
            events: Sequence[ClientEvent] = self._typist.rest(now_ms) if not keys else []
            for key in keys:
                events = [*events, *self._typist.press(key, now_ms)]
            if self._typist.text != before and keys:
                self.model.typed(now_ms)
            for event in events:
                await conversation.send(event)
            self._dirty.set()

    async def _next_keys(self) -> list[str | Key]:
        """What was pressed; nothing, when it is time for the typist to be asked."""
        due_ms = self._typist.due_ms
        left_s = None if due_ms is None else max(0.0, due_ms - self._clock.now_ms()) / 1e3
        try:
            async with asyncio.timeout(left_s):
                return await self._keys.get()
        except TimeoutError:
            return []

    async def _draw(self, live: Live) -> None:
        while True:
            width, height = self._console.size
            picture = draw(
                self.model,
                self._typist.text,
                num_lost=self._typist.num_lost,
                width=width,
                height=height,
            )
            live.update(picture, refresh=True)
            await asyncio.sleep(DRAW_EVERY_MS / 1e3)
            await self._dirty.wait()
            self._dirty.clear()

    def _listen_to_keys(self, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._keyboard.file_descriptor, self._pressed)
        stack.callback(loop.remove_reader, self._keyboard.file_descriptor)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        stack.callback(loop.remove_signal_handler, signal.SIGINT)

    def _pressed(self) -> None:
        keys = self._keyboard.pressed(0)
        if Key.END in keys:
            self._interrupt()
        if keys:
            self._keys.put_nowait(keys)

    def _interrupt(self) -> None:
        """Close in good order; at once if the conversation has not begun, or if asked again."""
        if self._is_interrupted or self.model.link in (
            ConnectionState.CONNECTING,
            ConnectionState.QUEUED,
        ):
            self._leaving.set()
        self._is_interrupted = True
        self._keys.put_nowait([Key.END])

    async def _left(self) -> None:
        await self._leaving.wait()

    def _queued(self, position: int) -> None:
        self.model.queued(position)
        self._dirty.set()


async def hold_live(source: ConversationSource, console: Console) -> ChatModel:
    """Converse at this process's terminal; prints the latencies at the end."""
    with raw_keyboard() as keyboard:
        chat = LiveChat(console, keyboard, MonotonicClock())
        await chat.hold(source)
    console.print(
        f"{chat.model.session_id} closed; last key to first text: {latency_line(chat.model)}"
    )
    return chat.model
