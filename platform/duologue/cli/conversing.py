"""What the commands share that hold a conversation at the terminal, wherever it comes from."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.terminal import output

if TYPE_CHECKING:
    from duologue.talk.conversation import ConversationSource
    from duologue.talk.script import Script

TOUR = Path(__file__).parent.parent / "talk" / "scripts" / "tour.yaml"
ScriptOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="A timed script (YAML), or [b]tour[/b]. Without a terminal, the tour is played.",
        show_default=False,
    ),
]
StrategyOption = Annotated[
    str | None, typer.Option(help="[b]duo[/b], tdm or turn.", show_default=False)
]


def chosen_script(name: str | None) -> "Script | None":
    """The script that is to be played; None lets the user type. Raises InvalidInput."""
    from duologue.talk.script import Script

    if name is None and sys.stdin.isatty() and sys.stdout.isatty():
        return None
    return Script.load(TOUR if name in (None, "tour") else Path(name))


async def hold(source: "ConversationSource", script: "Script | None") -> None:
    """Converse until the user leaves, or the script is over."""
    from duologue.clock import MonotonicClock, sleep_ms
    from duologue.talk.live import hold_live
    from duologue.talk.scripted import hold_scripted

    if script is None:
        await hold_live(source, output())
    else:
        await hold_scripted(source, script, output(), clock=MonotonicClock(), sleep_ms=sleep_ms)
