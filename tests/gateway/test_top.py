"""`duologue top` against the real gateway and a real store, in which actors have announced."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from duologue.cli import main
from duologue.cluster_status import BatcherStatus, Shedding
from duologue.store.store import Store
from duologue.tenants import Tenant
from tests.gateway.conftest import Serve
from tests.gateway.talking import api

BATCHER = BatcherStatus(
    "batcher-1",
    "10.0.0.7:41873",
    "node-1",
    sessions=1,
    max_sessions=64,
    shedding=Shedding.REPLY_TOKENS,
    late_tick_share=0.25,
    model="small",
    tick_ms=149.75,
    longest_tick_ms=201.0,
    deadline_ms=160.0,
    rows_per_forward=12.5,
    held_cells=1_024,
    max_cells=4_096,
)


async def top(address: str, key: str, *arguments: str) -> str:
    """What the command prints; it has an event loop of its own, and so a thread."""
    whole = ["top", "--once", "--address", address, "--api-key", key, *arguments]
    ended = await asyncio.to_thread(CliRunner().invoke, main.app, whole, catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.stdout


@pytest.mark.usefixtures("scripted")
async def test_top_shows_what_was_announced_and_who_talks(
    serve: Serve, store: Store, key: str
) -> None:
    await store.put_tenant(Tenant("ops", is_operator=True))
    operators = (await store.create_key("ops")).key
    await store.announce_batcher(BATCHER, ttl_ms=60_000)
    async with serve() as gateway, api(gateway.address, key) as client:
        talk = await client.started()
        shown = await top(gateway.address, operators)
        told = json.loads(await top(gateway.address, operators, "--json"))
    lines = {line.split()[0]: line for line in shown.splitlines()}
    figures = ("150/160 ms", "201 ms", "25.0 %", "12.5", "1/64", "reply_tokens", "small", "node-1")
    assert all(figure in lines["batcher-1"] for figure in figures)
    assert lines["node-1"].split()[1] == "0/8"  # as the node says
    assert lines["acme"].split()[:2] == ["acme", "1"]
    assert lines[talk.session_id].split()[1:3] == ["acme", "live"]
    (batcher,) = told["batchers"]
    assert (batcher["tick_ms"], batcher["deadline_ms"]) == (149.75, 160.0)
    assert (batcher["held_cells"], batcher["max_cells"]) == (1_024, 4_096)
    assert [each["session_id"] for each in told["sessions"]] == [talk.session_id]
