"""`duologue top`: a platform at work, looked at again and again."""

from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.remote import PANEL, AddressOption, ApiKeyOption, TlsOption, as_dict
from duologue.cli.watching import EVERY_S, Showing, View, WideOption, show

if TYPE_CHECKING:
    from duologue.client import Client

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue top                      until q or Ctrl-C\n\n"
    "duologue top --every 5 -n 300     less often, and more sessions\n\n"
    "duologue top --once               one picture, for a file or a chat\n\n"
    "duologue top --json | jq -c '.batchers[] | {batcher_id, tick_ms, deadline_ms}'"
)


def top(
    once: Annotated[bool, typer.Option("--once", help="One picture, and leave.")] = False,
    every_s: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=0.1, help="Ask anew so often.")
    ] = EVERY_S,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1_000, help="Newest sessions to look at.")
    ] = 100,
    wide: WideOption = False,
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object each time, in a line of its own.")
    ] = False,
) -> None:
    """Watch nodes, replicas, tenants and sessions. Needs an operator's key.

    A replica is a batching actor: its ticks are shown against their deadline, with the rows of a
    forward and the key/value cells that sessions hold. Live sessions come first. Where there is no
    terminal, pictures follow each other.
    """

    async def question(client: "Client") -> View:
        return await _look(client, limit)

    showing = Showing(as_json, wide, None if once else every_s)
    show(question, showing, address, api_key, tls_ca)


async def _look(client: "Client", limit: int) -> View:
    from duologue.cli.top_picture import PlatformSnapshot, picture
    from duologue.clock import UnixClock

    admin = client.admin
    snapshot = PlatformSnapshot(
        await admin.capacity(),
        await admin.nodes(),
        await admin.tenants(),
        await admin.all_sessions("", limit),
        limit,
    )
    value = {
        "at_ms": round(UnixClock().now_ms()),
        "capacity": as_dict(snapshot.capacity),
        **as_dict(snapshot.nodes),
        "tenants": [as_dict(tenant) for tenant in snapshot.tenants],
        "sessions": [as_dict(session) for session in snapshot.sessions],
    }
    return View(value, lambda room: picture(snapshot, room))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG, rich_help_panel=PANEL)(top)
