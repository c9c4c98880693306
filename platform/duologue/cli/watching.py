"""How what a platform tells is shown: once, or again and again; as tables, or as JSON."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from duologue.background import first_of
from duologue.cli.endpoint import find_endpoint
from duologue.cli.remote import open_client
from duologue.cli.tables import Room, print_whole
from duologue.cli.terminal import output, print_json, show_error
from duologue.errors import DuologueError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from duologue.client import Client

EVERY_S = 1.0

WideOption = Annotated[
    bool,
    typer.Option("--wide", help="All columns, however wide; so it is where the output is piped."),
]
WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Show it anew every second.")]
EveryOption = Annotated[
    float | None,
    typer.Option(
        "--every",
        metavar="SECONDS",
        min=0.1,
        help="Show it anew so often.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class View:
    """What a platform told, for programs and for people."""

    value: Any
    """For JSON."""
    draw: "Callable[[Room], RenderableType]"


Question = Callable[["Client"], Awaitable[View]]


@dataclass(frozen=True, slots=True)
class Showing:
    """How somebody wants to see it."""

    as_json: bool = False
    is_wide: bool = False
    """Whether nothing is left out; it is not where there is no terminal either."""
    every_s: float | None = None
    """None is once."""

    @classmethod
    def of(cls, as_json: bool, wide: bool, watch: bool, every_s: float | None) -> "Showing":
        """What the options of a command say; `--every` alone watches too."""
        return cls(as_json, wide, EVERY_S if watch and every_s is None else every_s)

    @property
    def is_whole(self) -> bool:
        """Whether lines may be as long as they need to be."""
        return self.is_wide or not sys.stdout.isatty()

    def print(self, view: View) -> None:
        """Show it where the last one ended."""
        if self.as_json and self.every_s is not None:
            print(json.dumps(view.value, ensure_ascii=False), flush=True)  # one line each time
        elif self.as_json:
            print_json(view.value)
        elif self.is_whole:
            print_whole(view.draw(Room()))
            sys.stdout.flush()
        else:
            console = output()
            console.print(view.draw(Room(console.width)))


def show(
    question: Question,
    showing: Showing,
    address: str | None,
    api_key: str | None,
    tls_ca: str | None,
) -> None:
    """Ask the platform and show its answer, until somebody has seen enough.

    Raises DuologueError when there is no first answer. Later ones may be missing: it is said, and
    asked again.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its log would be written over the picture
    endpoint = find_endpoint(address, api_key, tls_ca)

    async def run() -> None:
        async with open_client(endpoint) as client:
            first = await question(client)
            if showing.every_s is None:
                showing.print(first)
            else:
                await _watch(client, question, first, showing)

    if showing.every_s is None:
        asyncio.run(run())
    else:
        with suppress(KeyboardInterrupt):  # which is how people end it
            asyncio.run(run())


async def _watch(client: "Client", question: Question, first: View, showing: Showing) -> None:
    """Show the first answer and those that follow, until q, Ctrl-C or SIGTERM."""
    assert showing.every_s is not None
    every_s, view = showing.every_s, first
    is_on_screen = not (showing.as_json or showing.is_whole)
    over = asyncio.Event()

    async def refresh(put: Callable[[View, str], None]) -> None:
        nonlocal view
        put(view, "")
        while True:
            await asyncio.sleep(every_s)
            try:
                view = await question(client)
            except DuologueError as error:
                put(view, str(error))
            else:
                put(view, "")

    with ExitStack() as stack:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, over.set)
        stack.callback(loop.remove_signal_handler, signal.SIGTERM)
        if is_on_screen:
            put = stack.enter_context(_screen(every_s))
            stack.enter_context(_keys(over))
        else:
            put = _printer(showing)
        await first_of(refresh(put), over.wait())


def _printer(showing: Showing) -> Callable[[View, str], None]:
    """Writes one answer after the other, and troubles to standard error."""

    def put(view: View, trouble: str) -> None:
        if trouble:
            show_error(trouble)
        else:
            showing.print(view)

    return put


@contextmanager
def _screen(every_s: float) -> Iterator[Callable[[View, str], None]]:
    """The whole terminal, which is as it was before when this is left."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    console = output()
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def put(view: View, trouble: str) -> None:
            clock = time.strftime("%H:%M:%S")
            line = Text(f"{clock}  every {every_s:g} s, q ends", "dim", no_wrap=True)
            if trouble:
                line = Text(f"{clock}  {trouble}", "bold red", no_wrap=True)
            width, height = console.size
            live.update(Group(line, view.draw(Room(width, height - 1))), refresh=True)

        yield put


@contextmanager
def _keys(over: asyncio.Event) -> Iterator[None]:
    """Lets q and Ctrl-D end it, where there is a keyboard."""
    if not sys.stdin.isatty():
        yield
        return
    from duologue.talk.keys import Key, raw_keyboard

    loop = asyncio.get_running_loop()
    with raw_keyboard() as keyboard:

        def pressed() -> None:
            if not {"q", "Q", Key.END}.isdisjoint(keyboard.pressed(0)):
                over.set()

        loop.add_reader(keyboard.file_descriptor, pressed)
        try:
            yield
        finally:
            loop.remove_reader(keyboard.file_descriptor)
