"""`duologue status`: how much room a platform has, and where."""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from duologue.cli.options import JsonOption
from duologue.cli.remote import (
    PANEL,
    AddressOption,
    ApiKeyOption,
    TlsOption,
    as_dict,
)
from duologue.cli.tables import Column, Room, table
from duologue.cli.watching import (
    EveryOption,
    Showing,
    View,
    WatchOption,
    WideOption,
    show,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from duologue.client import Client
    from duologue.v1.admin_pb2 import Batcher, GetCapacityResponse, ListNodesResponse, Node

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue status                             the platform of this machine\n\n"
    "duologue status --address gateway:50051     another one\n\n"
    "duologue status --watch                     anew every second; more in [b]duologue top[/b]\n\n"
    "duologue status --json | jq .capacity       for programs"
)
_NODES = (
    Column("node"),
    Column("address", 2),
    Column("sessions", 1),
    Column("warm actors", 3),
    Column("", 1),
)
_BATCHERS = (
    Column("batcher"),
    Column("model", 2),
    Column("node", 6),
    Column("address", 5),
    Column("sessions", 1),
    Column("late ticks", 3),
    Column("sheds", 1),
    Column("", 1),
)


def status(
    watch: WatchOption = False,
    every_s: EveryOption = None,
    wide: WideOption = False,
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a platform's capacity, its nodes and its batching actors. Needs an operator's key."""
    show(_status, Showing.of(as_json, wide, watch, every_s), address, api_key, tls_ca)


async def _status(client: "Client") -> View:
    capacity, nodes = await client.admin.capacity(), await client.admin.nodes()
    value = {"capacity": as_dict(capacity), **as_dict(nodes)}
    return View(value, lambda room: _picture(capacity, nodes, room))


def _picture(
    capacity: "GetCapacityResponse", nodes: "ListNodesResponse", room: Room
) -> "RenderableType":
    from rich.console import Group

    wide = Room(room.width)
    return Group(
        capacity_line(capacity),
        table("Nodes", _NODES, map(_node_row, nodes.nodes), wide),
        table("Batching actors", _BATCHERS, map(_batcher_row, nodes.batchers), wide),
    )


def capacity_line(capacity: "GetCapacityResponse") -> Text:
    """How much room there is, in a sentence."""
    waiting = f", {capacity.queued_sessions} waiting" if capacity.queued_sessions else ""
    admits = (
        ("takes new sessions", "") if capacity.admits else ("takes no new sessions", "bold red")
    )
    live = f" of {capacity.max_sessions} sessions live{waiting}, "
    return Text.assemble((str(capacity.live_sessions), "bold"), live, admits)


def _node_row(node: "Node") -> tuple[str | Text, ...]:
    sessions = f"{node.sessions}/{node.max_sessions}"
    return node.node_id, node.address, sessions, str(node.warm_actors), node_state(node)


def node_state(node: "Node") -> Text:
    """What keeps it from taking sessions, if something does."""
    return Text("draining" if node.is_draining else "", style="yellow")


def _batcher_row(batcher: "Batcher") -> tuple[str | Text, ...]:
    late = f"{100 * batcher.late_tick_share:.1f} %"
    sessions = f"{batcher.sessions}/{batcher.max_sessions}"
    places = (batcher.batcher_id, batcher.model, batcher.node_id, batcher.address)
    return (*places, sessions, late, sheds(batcher), batcher_state(batcher))


def sheds(batcher: "Batcher") -> Text:
    """What a batching actor leaves out because of load."""
    is_calm = batcher.shedding in ("", "none")
    return Text(batcher.shedding, style="" if is_calm else "red")


def batcher_state(batcher: "Batcher") -> Text:
    """What keeps it from seating sessions, if something does."""
    state = "draining" if batcher.is_draining else "" if batcher.is_healthy else "not healthy"
    return Text(state, style="yellow")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG, rich_help_panel=PANEL)(status)
