"""`duologue drain` at a real store: what it marks, and what it tells people and programs."""

import asyncio
import json

import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from duologue.cli import main
from duologue.cluster_status import NodeStatus
from duologue.service_settings import StoreSettings
from duologue.store.store import Store
from tests.store.raw_cluster import Servers


def drain(server: Servers, *arguments: str) -> Result:
    at_once = ["--host", "10.0.0.1", "--within-s", "0", "--set", f"store.url={server.url}"]
    command = ["drain", *at_once, *arguments]
    return CliRunner().invoke(main.app, command, catch_exceptions=False)


@pytest.mark.parametrize("sessions", [2, 0])
async def test_sessions_that_are_left_are_told(server: Servers, raw: Redis, sessions: int) -> None:
    node = NodeStatus("n1", "10.0.0.1:50061", sessions, max_sessions=8, warm_actors=0)
    async with await Store.connect(server.url, StoreSettings()) as store:
        await store.announce_node(node)
        told = await asyncio.to_thread(drain, server, "--json")
        assert json.loads(told.stdout) == {"host": "10.0.0.1", "sessions_left": sessions}
        (marked,) = await store.nodes()
        assert marked.is_draining
        shown = await asyncio.to_thread(drain, server)
        assert ("2 sessions are left" if sessions else "is empty") in shown.stderr
