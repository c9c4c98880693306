"""`duologue chat`: a conversation with a running platform."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.endpoint import find_endpoint
from duologue.cli.remote import PANEL, AddressOption, ApiKeyOption, TlsOption, open_client
from duologue.cli.terminal import messages, output

if TYPE_CHECKING:
    from duologue.cli.endpoint import Endpoint
    from duologue.session_config import SessionConfig
    from duologue.talk.script import Script

_TOUR = Path(__file__).parent.parent / "talk" / "scripts" / "tour.yaml"
_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue chat                              with the platform of this machine\n\n"
    "duologue chat --script tour                watch the tour, over gRPC\n\n"
    "duologue chat -a one:50051,two:50051       with gateways to fail over to"
)


def chat(
    script: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A timed script (YAML), or [b]tour[/b]. Without a terminal, the tour is played.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="One of those that are served there, by its name.", show_default=False),
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="[b]duo[/b], tdm or turn.", show_default=False)
    ] = None,
    system_prompt: Annotated[
        str | None, typer.Option(help="What the model is told first.", show_default=False)
    ] = None,
    temperature: Annotated[float | None, typer.Option(show_default=False)] = None,
    max_reply_tokens: Annotated[int | None, typer.Option(show_default=False)] = None,
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
) -> None:
    """Chat with a running platform: it listens while it speaks, and so may you.

    Words are sent as they are typed. The screen shows how your utterance is judged, what is said,
    the time from your last key to the first text of the reply, and how the connection stands.
    """
    from duologue.session_config import SessionConfig
    from duologue.strategies.registry import speaking_strategy
    from duologue.talk.script import Script

    if strategy is not None:
        speaking_strategy(strategy)
    endpoint = find_endpoint(address, api_key, tls_ca)
    config = SessionConfig(
        model=model,
        strategy=strategy,
        system_prompt=system_prompt,
        temperature=temperature,
        max_reply_tokens=max_reply_tokens,
    )
    is_live = script is None and sys.stdin.isatty() and sys.stdout.isatty()
    chosen = None if is_live else Script.load(_TOUR if script in (None, "tour") else Path(script))
    messages().print(f"connecting to {endpoint.address}")
    asyncio.run(_hold(endpoint, config, chosen))


async def _hold(endpoint: "Endpoint", config: "SessionConfig", script: "Script | None") -> None:
    from duologue.chat.live import hold_live
    from duologue.chat.scripted import hold_scripted
    from duologue.client.options import sleep_ms
    from duologue.clock import MonotonicClock

    async with open_client(endpoint) as client:
        if script is None:
            await hold_live(client, config, output())
        else:
            clock = MonotonicClock()
            await hold_scripted(client, config, script, output(), clock=clock, sleep_ms=sleep_ms)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG, rich_help_panel=PANEL)(chat)
