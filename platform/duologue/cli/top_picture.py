"""The picture of `duologue top`."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from duologue.cli.sessions import status_word, time_word
from duologue.cli.status import batcher_state, capacity_line, node_state, sheds
from duologue.cli.tables import TITLE_LINES, Column, Room, table
from duologue.v1.admin_pb2 import Batcher, GetCapacityResponse, ListNodesResponse, Node, Tenant
from duologue.v1.conversation_pb2 import SESSION_STATUS_LIVE, Session

_TIGHT_SHARE = 0.7
"""Of the deadline; ticks that take longer are worth a look."""

_NODES = (
    Column("node"),
    Column("sessions", 1, is_number=True),
    Column("warm actors", 3, is_number=True),
    Column("", 1),
    Column("address", 2),
)
_REPLICAS = (
    Column("replica"),
    Column("tick time", 1, is_number=True),
    Column("longest", 6, is_number=True),
    Column("late", 5, is_number=True),
    Column("rows", 3, is_number=True),
    Column("cells", 2, is_number=True),
    Column("seats", 4, is_number=True),
    Column("", 1),
    Column("model", 8),
    Column("node", 9),
)
_TENANTS = (
    Column("tenant"),
    Column("live", 1, is_number=True),
    Column("limit", 3, is_number=True),
    Column("others", 2, is_number=True),
    Column("in", 2, is_number=True),
    Column("out", 2, is_number=True),
    Column("unseen", 3, is_number=True),
)
_SESSIONS = (
    Column("session"),
    Column("tenant", 2),
    Column("status", 1),
    Column("in", 3, is_number=True),
    Column("out", 3, is_number=True),
    Column("unseen", 4, is_number=True),
    Column("node", 6),
    Column("last used", 5),
)


@dataclass(frozen=True, slots=True)
class PlatformSnapshot:
    """What a platform told at one time."""

    capacity: GetCapacityResponse
    nodes: ListNodesResponse
    tenants: Sequence[Tenant]
    sessions: Sequence[Session]
    """The newest."""
    limit: int
    """How many were asked for."""


def picture(snapshot: PlatformSnapshot, room: Room) -> RenderableType:
    """All of it, one table below the other; the sessions get the lines that are left."""
    nodes, batchers = snapshot.nodes.nodes, snapshot.nodes.batchers
    sessions = sorted(snapshot.sessions, key=lambda each: each.status != SESSION_STATUS_LIVE)
    is_cut = len(sessions) >= snapshot.limit
    tenants = f"Tenants, by the newest {snapshot.limit} sessions" if is_cut else "Tenants"
    parts: list[RenderableType] = [capacity_line(snapshot.capacity)]
    num_left = None if room.height is None else room.height - len(parts)
    for title, columns, rows, num_below in (
        ("Nodes", _NODES, [*map(_node_row, nodes)], 3),
        ("Replicas", _REPLICAS, [*map(_replica_row, batchers)], 2),
        (tenants, _TENANTS, _most_live_first(snapshot), 1),
        ("Sessions", _SESSIONS, [*map(_session_row, sessions)], 0),
    ):
        height = None if num_left is None else _height(num_left, num_below)
        parts.append(table(title, columns, rows, Room(room.width, height)))
        if num_left is not None and height is not None:
            num_left -= min(height, TITLE_LINES + len(rows))
    return Group(*parts)


def _height(num_left: int, num_below: int) -> int:
    """Lines of a table, at the most: those below it have a row each, and half of the rest."""
    least = TITLE_LINES + 1
    spare = num_left - least * (num_below + 1)
    return least + max(0, spare // 2 if num_below else spare)


def _node_row(node: Node) -> Sequence[str | Text]:
    sessions = f"{node.sessions}/{node.max_sessions}"
    return node.node_id, sessions, str(node.warm_actors), node_state(node), node.address


def _replica_row(batcher: Batcher) -> Sequence[str | Text]:
    return (
        batcher.batcher_id,
        _tick(batcher),
        f"{batcher.longest_tick_ms:.0f} ms" if batcher.deadline_ms else "-",
        f"{100 * batcher.late_tick_share:.1f} %",
        f"{batcher.rows_per_forward:.1f}" if batcher.deadline_ms else "-",
        f"{100 * batcher.held_cells / batcher.max_cells:.1f} %" if batcher.max_cells else "-",
        f"{batcher.sessions}/{batcher.max_sessions}",
        _trouble(batcher),
        batcher.model,
        batcher.node_id,
    )


def _tick(batcher: Batcher) -> Text:
    """What a tick takes of what it has; red once that is not enough."""
    if not batcher.deadline_ms:
        return Text("-")
    share = batcher.tick_ms / batcher.deadline_ms
    colour = "green" if share < _TIGHT_SHARE else "yellow" if share <= 1.0 else "red"
    return Text.assemble((f"{batcher.tick_ms:.0f}", colour), f"/{batcher.deadline_ms:.0f} ms")


def _trouble(batcher: Batcher) -> Text:
    """What it leaves out, and whether it seats nobody; nothing on a good day."""
    is_calm = batcher.shedding in ("", "none")
    parts = [Text() if is_calm else sheds(batcher), batcher_state(batcher)]
    return Text(", ").join(part for part in parts if part.plain)


def _most_live_first(snapshot: PlatformSnapshot) -> list[Sequence[str | Text]]:
    """A row for each tenant, those with most live sessions first."""
    rows: list[tuple[int, Sequence[str | Text]]] = []
    for tenant in snapshot.tenants:
        mine = [each for each in snapshot.sessions if each.tenant_id == tenant.tenant_id]
        num_live = sum(each.status == SESSION_STATUS_LIVE for each in mine)
        tokens = (
            sum(each.usage.input_tokens for each in mine),
            sum(each.usage.output_tokens for each in mine),
            sum(each.usage.discarded_tokens for each in mine),
        )
        limit = str(tenant.max_sessions) if tenant.max_sessions else "-"
        counts = (str(num_live), limit, str(len(mine) - num_live))
        rows.append((num_live, (tenant.tenant_id, *counts, *map(str, tokens))))
    return [row for _, row in sorted(rows, key=lambda each: -each[0])]


def _session_row(session: Session) -> Sequence[str | Text]:
    usage = session.usage
    tokens = (usage.input_tokens, usage.output_tokens, usage.discarded_tokens)
    word = status_word(session)
    return (
        session.session_id,
        session.tenant_id,
        Text(word, "green" if word == "live" else ""),
        *map(str, tokens),
        session.node_id,
        time_word(session.active_at),
    )
