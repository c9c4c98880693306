"""`duologue sessions` and `duologue transcript`: who talks, and what was said."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.options import JsonOption
from duologue.cli.remote import (
    PANEL,
    AddressOption,
    ApiKeyOption,
    TlsOption,
    as_dict,
    ask,
)
from duologue.cli.tables import Column, table
from duologue.cli.terminal import output, print_json
from duologue.cli.watching import EveryOption, Showing, View, WatchOption, WideOption, show

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from duologue.client import Client
    from duologue.v1.conversation_pb2 import Session

_SESSIONS_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue sessions                     those of the key's own tenant, newest first\n\n"
    "duologue sessions --all               of every tenant (operators)\n\n"
    "duologue sessions --tenant acme       of one other tenant (operators)\n\n"
    "duologue sessions --watch             anew every second\n\n"
    "Names are whole: they can be copied into [b]duologue trace[/b] and [b]transcript[/b]."
)
_TRANSCRIPT_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue transcript ses_w2xv…         what both sides remember\n\n"
    "duologue transcript ses_w2xv… --json  for programs"
)


_COLUMNS = (
    Column("session"),
    Column("tenant", 2),
    Column("status", 1),
    Column("created", 5),
    Column("last used", 4),
    Column("epoch", 8),
    Column("in", 3, is_number=True),
    Column("out", 3, is_number=True),
    Column("unseen", 6, is_number=True),
    Column("node", 7),
)


def sessions(
    every: Annotated[bool, typer.Option("--all", help="Of every tenant.")] = False,
    tenant: Annotated[
        str, typer.Option("--tenant", "-t", help="Of this tenant.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 100,
    watch: WatchOption = False,
    every_s: EveryOption = None,
    wide: WideOption = False,
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List sessions, newest first."""
    if every and tenant:
        raise typer.BadParameter("--all and --tenant exclude each other")

    async def listed(client: "Client") -> View:
        found: Sequence[Session]
        if every or tenant:
            found = await client.admin.all_sessions(tenant, limit)
        else:
            found = await client.list_sessions(limit)
        title = f"{len(found)} sessions"
        return View(
            [as_dict(session) for session in found],
            lambda room: table(title, _COLUMNS, map(_row, found), room),
        )

    show(listed, Showing.of(as_json, wide, watch, every_s), address, api_key, tls_ca)


def _row(session: "Session") -> tuple[str, ...]:
    usage = session.usage
    return (
        session.session_id,
        session.tenant_id,
        status_word(session),
        time_word(session.created_at),
        time_word(session.active_at),
        str(session.epoch),
        str(usage.input_tokens),
        str(usage.output_tokens),
        str(usage.discarded_tokens),
        session.node_id,
    )


def status_word(session: "Session") -> str:
    """How a session stands, in one word."""
    from duologue.v1.conversation_pb2 import SessionStatus

    return SessionStatus.Name(session.status).removeprefix("SESSION_STATUS_").lower()


def time_word(stamp: "Timestamp") -> str:
    """A time, here; empty if there is none."""
    if not stamp.seconds:
        return ""
    return stamp.ToDatetime().astimezone().strftime("%d %b %H:%M:%S")


def transcript(
    session_id: Annotated[str, typer.Argument(metavar="SESSION", show_default=False)],
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what was said in a session, as both sides remember it."""
    entries = ask(lambda client: client.transcript(session_id), address, api_key, tls_ca)
    if as_json:
        from dataclasses import asdict

        print_json([asdict(entry) for entry in entries])
        return
    from duologue.talk.timeline import entry_line

    for entry in entries:
        output().print(entry_line(entry), soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=_SESSIONS_EPILOG, rich_help_panel=PANEL)(sessions)
    app.command(epilog=_TRANSCRIPT_EPILOG, rich_help_panel=PANEL)(transcript)
