"""`duologue chat`: a conversation with a running platform."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.conversing import ScriptOption, StrategyOption, chosen_script, hold
from duologue.cli.endpoint import find_endpoint
from duologue.cli.remote import PANEL, AddressOption, ApiKeyOption, TlsOption, open_client
from duologue.cli.terminal import messages

if TYPE_CHECKING:
    from duologue.cli.endpoint import Endpoint
    from duologue.session_config import SessionConfig
    from duologue.talk.script import Script

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue chat                              with the platform of this machine\n\n"
    "duologue chat --script tour                watch the tour, over gRPC\n\n"
    "duologue chat -a one:50051,two:50051       with gateways to fail over to"
)


def chat(
    script: ScriptOption = None,
    model: Annotated[
        str | None,
        typer.Option(help="One of those that are served there, by its name.", show_default=False),
    ] = None,
    strategy: StrategyOption = None,
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
    chosen = chosen_script(script)
    messages().print(f"connecting to {endpoint.address}")
    asyncio.run(_hold(endpoint, config, chosen))


async def _hold(endpoint: "Endpoint", config: "SessionConfig", script: "Script | None") -> None:
    from duologue.client.remote_conversations import RemoteConversations

    async with open_client(endpoint) as client:
        await hold(RemoteConversations(client, config), script)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG, rich_help_panel=PANEL)(chat)
