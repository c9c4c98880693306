"""`duologue tenants usage`: what tenants used, by day."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.durations import day_of
from duologue.cli.options import JsonOption
from duologue.cli.remote import AddressOption, ApiKeyOption, TlsOption, as_dict
from duologue.cli.tables import Column, table
from duologue.cli.watching import EveryOption, Showing, View, WatchOption, WideOption, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duologue.client import Client
    from duologue.v1.admin_pb2 import DailyUsage

_COLUMNS = (
    Column("day"),
    Column("tenant"),
    Column("sessions", 2, is_number=True),
    Column("in", 1, is_number=True),
    Column("out", 1, is_number=True),
    Column("unseen", 3, is_number=True),
    Column("slices", 4, is_number=True),
)


def usage(
    tenant_id: Annotated[str, typer.Argument(metavar="[TENANT]", show_default=False)] = "",
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="From this day on: 2026-11-29, or so long ago: 7d, 4w. Without it, 30 days.",
            show_default=False,
        ),
    ] = None,
    watch: WatchOption = False,
    every_s: EveryOption = None,
    wide: WideOption = False,
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
    as_json: JsonOption = False,
) -> None:
    """What all tenants used, or one: sessions that were made, and tokens heard and said, by day.

    Days are those of UTC, and are kept for 400 days.
    """
    today = datetime.now(UTC).date()
    first = None if since is None else day_of(since, today)
    begin = None if first is None else datetime(first.year, first.month, first.day)

    async def asked(client: "Client") -> View:
        found = await client.admin.usage(tenant_id, begin)
        rows = [*map(_row, found), *([_total(found)] if len(found) > 1 else [])]
        title = f"{len(found)} days with usage"
        return View(
            [as_dict(each) for each in found], lambda room: table(title, _COLUMNS, rows, room)
        )

    show(asked, Showing.of(as_json, wide, watch, every_s), address, api_key, tls_ca)


def _row(each: "DailyUsage") -> tuple[str, ...]:
    used = each.usage
    counts = (used.input_tokens, used.output_tokens, used.discarded_tokens, used.slices)
    return (each.day, each.tenant_id, *map(str, (each.sessions, *counts)))


def _total(found: "Sequence[DailyUsage]") -> tuple[str, ...]:
    columns = zip(*(map(int, _row(each)[2:]) for each in found), strict=True)
    return ("total", "", *(str(sum(column)) for column in columns))
