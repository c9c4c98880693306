"""`duologue status`: how much room a platform has, and where."""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from duologue.cli.remote import (
    PANEL,
    AddressOption,
    ApiKeyOption,
    JsonOption,
    TlsOption,
    as_dict,
    ask,
    print_json,
    print_table,
)
from duologue.cli.terminal import output

if TYPE_CHECKING:
    from duologue.client import Client
    from duologue.v1.admin_pb2 import Batcher, GetCapacityResponse, ListNodesResponse, Node

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue status                             the platform of this machine\n\n"
    "duologue status --address gateway:50051     another one\n\n"
    "duologue status --json | jq .capacity       for programs"
)


def status(
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a platform's capacity, its nodes and its batching actors. Needs an operator's key."""
    capacity, nodes = ask(_status, address, api_key, tls_ca)
    if as_json:
        print_json({"capacity": as_dict(capacity), **as_dict(nodes)})
        return
    waiting = f", {capacity.queued_sessions} waiting" if capacity.queued_sessions else ""
    admits = "takes new sessions" if capacity.admits else "[bold red]takes no new sessions[/]"
    output().print(
        f"[b]{capacity.live_sessions}[/b] of {capacity.max_sessions} sessions live{waiting}, "
        f"{admits}"
    )
    node_columns = ("node", "address", "sessions", "warm actors", "")
    print_table("Nodes", node_columns, map(_node_row, nodes.nodes))
    batcher_columns = ("batcher", "model", "node", "address", "sessions", "late ticks", "sheds", "")
    print_table("Batching actors", batcher_columns, map(_batcher_row, nodes.batchers))


async def _status(client: "Client") -> tuple["GetCapacityResponse", "ListNodesResponse"]:
    return await client.admin.capacity(), await client.admin.nodes()


def _node_row(node: "Node") -> tuple[str | Text, ...]:
    state = Text("draining" if node.is_draining else "", style="yellow")
    sessions = f"{node.sessions}/{node.max_sessions}"
    return node.node_id, node.address, sessions, str(node.warm_actors), state


def _batcher_row(batcher: "Batcher") -> tuple[str | Text, ...]:
    late = f"{100 * batcher.late_tick_share:.1f} %"
    is_calm = batcher.shedding in ("", "none")
    sheds = Text(batcher.shedding, style="" if is_calm else "red")
    sessions = f"{batcher.sessions}/{batcher.max_sessions}"
    places = (batcher.batcher_id, batcher.model, batcher.node_id, batcher.address)
    state = "draining" if batcher.is_draining else "" if batcher.is_healthy else "not healthy"
    return (*places, sessions, late, sheds, Text(state, style="yellow"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG, rich_help_panel=PANEL)(status)
