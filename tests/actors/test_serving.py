"""Batching actors and node agents as Ray Serve runs them: their number, their replacement, a config
file; with sessions that go on meanwhile."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from ray import serve

from duologue.actors.cluster import LocalCluster
from duologue.actors.local_ray import ray_session
from duologue.actors.serve_apps import CALM_CONTROL
from duologue.actors.serve_config import serve_config
from duologue.cluster_status import BatcherStatus, NodeStatus
from duologue.errors import InvalidInput
from duologue.events import ResponseDone, ResponseStarted
from duologue.service_settings import BatchingSettings
from duologue.session_config import SessionConfig
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from tests.actors.caller import Caller, tiny_settings
from tests.programs import running
from tests.tiny_models import write_tiny_model
from tests.waiting import RAY_WITHIN_S, waiting_for

pytestmark = [
    # One worker runs all tests that start Ray: two clusters at once do not fit on two cores.
    pytest.mark.xdist_group("ray"),
    # Ray and Serve start a dozen processes, and a replica takes seconds to come or to go.
    pytest.mark.timeout(300),
]


ONCE = "something_once"
"""A Ray resource."""
SIZES: dict[str, Any] = {
    "num_cpus": 1,
    "object_store_memory": 80 << 20,
    "resources": {"duologue_node": 1, ONCE: 1},
}
"""Of each node."""
WITHIN_A_MINUTE_S = 60.0


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[Any]:
    """A node for sessions, whose Serve looks often."""
    variables = dict.fromkeys(CALM_CONTROL, "0.2") | {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    patch = pytest.MonkeyPatch()
    for name, value in variables.items():
        patch.setenv(name, value)
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**SIZES, "include_dashboard": False})
    yield cluster
    cluster.shutdown()  # type: ignore[no-untyped-call]
    patch.undo()


@pytest.fixture
def ray_address(ray_cluster: Any) -> str:
    return str(ray_cluster.address)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a tiny model, with as few seats as there are people here."""
    batching = BatchingSettings(threads=1, max_sessions=4, drain_ms=20_000)
    return replace(tiny_settings(tmp_path / "tiny"), batching=batching)


@asynccontextmanager
async def cluster_with(
    settings: Settings, ray_address: str, **batcher_resources: float
) -> AsyncIterator[LocalCluster]:
    async with EmbeddedValkey() as valkey:
        stored = replace(settings, store=replace(settings.store, url=valkey.url))
        async with LocalCluster(
            stored, ray_address, with_gateway=False, batcher_resources=batcher_resources
        ) as cluster:
            yield cluster


async def until_batchers(
    store: Store, is_so: Callable[[tuple[BatcherStatus, ...]], bool], what: str
) -> tuple[BatcherStatus, ...]:
    """Wait until the batching actors stand so."""
    found: tuple[BatcherStatus, ...] = ()
    async with waiting_for(what, lambda: found, within_s=RAY_WITHIN_S):
        while not is_so(found := await store.batchers()):
            await asyncio.sleep(0.1)
    return found


async def talking(cluster: LocalCluster, name: str) -> Caller:
    """A session that is alive, and has been answered once."""
    client = await Caller.create(cluster.store, name)
    await client.bind()
    await client.ask()
    await client.until_event(ResponseDone)
    return client


async def test_their_number_follows_the_load_and_back(settings: Settings, ray_address: str) -> None:
    scaling = replace(
        settings.batching, max_batchers=2, scale_up_after_s=0.0, scale_down_after_s=2.0
    )
    async with cluster_with(replace(settings, batching=scaling), ray_address) as cluster:
        assert len(await cluster.store.batchers()) == 1
        clients = [await talking(cluster, f"s{number}") for number in range(4)]
        await until_batchers(cluster.store, lambda found: len(found) == 2, "a second one")
        newcomer = await talking(cluster, "newcomer")  # there was no seat for it before
        *others, stayer = clients
        for client in (*others, newcomer):
            await client.close()
        await stayer.ask()
        await until_batchers(
            cluster.store,
            lambda found: len([each for each in found if not each.is_draining]) == 1,
            "one to go",
        )
        await stayer.until_event(ResponseDone, 2)
        await stayer.ask()
        await stayer.until_event(ResponseDone, 3)
        await stayer.close()


async def test_a_rolling_update_loses_no_event_of_a_conversation_under_way(
    settings: Settings, ray_address: str
) -> None:
    from duologue.actors.serve_apps import deploy
    from duologue.actors.serving import model_app

    async with cluster_with(settings, ray_address) as cluster:
        [old] = await cluster.store.batchers()
        speaking, silent = await talking(cluster, "speaking"), await talking(cluster, "silent")
        await speaking.ask()
        await speaking.until_event(ResponseStarted, 2)
        changed = replace(cluster.settings.batching, gather_ms=1)
        apps = {
            name: model_app(replace(cluster.settings, batching=changed)) for name in cluster.apps
        }
        await asyncio.to_thread(deploy, apps)
        await until_batchers(
            cluster.store,
            lambda found: bool(found) and old.batcher_id not in {b.batcher_id for b in found},
            "the old one to go",
        )
        await speaking.until_event(ResponseDone, 2)
        for client in (speaking, silent):
            await client.ask()
            await client.until_event(ResponseDone, 3 if client is speaking else 2)
            await client.close()


async def test_models_side_by_side(settings: Settings, ray_address: str, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "other", "qwen2")
    beside = tmp_path / "other.toml"
    beside.write_text(f'[model]\nname = "other"\nsource = "{other}"\ndevice = "cpu"\n')
    model = replace(settings.model, name="first", beside=(str(beside),))
    async with cluster_with(replace(settings, model=model), ray_address) as cluster:
        assert {each.model for each in await cluster.store.batchers()} == {"first", "other"}
        default = await talking(cluster, "default")
        asked = await Caller.create(cluster.store, "asked", SessionConfig(model="other"))
        await asked.bind()
        await asked.ask()
        await asked.until_event(ResponseDone)
        await until_batchers(
            cluster.store,
            lambda found: {each.model: each.sessions for each in found} == {"first": 1, "other": 1},
            "a session at each",
        )
        await default.close()
        await asked.close()


async def test_the_config_file_runs_the_models_and_the_node_agents(
    settings: Settings, ray_address: str, tmp_path: Path
) -> None:
    async with EmbeddedValkey() as valkey, await Store.connect(valkey.url) as store:
        document = serve_config(replace(settings, model=replace(settings.model, name="tiny")))
        for each in document["applications"]:  # Ray's processes have it in no environment here
            each["args"]["settings"]["store.url"] = valkey.url
        file = tmp_path / "serve.yaml"
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        command = Path(sys.executable).with_name("serve")
        async with running(command, "run", str(file), "--address", ray_address):
            await until_batchers(store, lambda found: len(found) == 1, "a batching actor")
            caller = await Caller.create(store, "served", SessionConfig(model="tiny"))
            async with waiting_for("a node agent", within_s=RAY_WITHIN_S):
                while not await store.nodes():
                    await asyncio.sleep(0.1)
            await caller.bind()
            await caller.ask()
            await caller.until_event(ResponseDone)
            await caller.close()
        with ray_session(ray_address):
            serve.shutdown()  # type: ignore[no-untyped-call]
        # Node agents outlive Serve: another platform is told so, until they are ended.
        with (
            node_agents_ended(ray_address),
            pytest.raises(InvalidInput, match="has a node agent already: a platform runs"),
        ):
            async with cluster_with(settings, ray_address):
                pass


@contextmanager
def node_agents_ended(ray_address: str) -> Iterator[None]:
    """At the end of the block all of them are gone, and so are their names."""
    try:
        yield
    finally:
        with ray_session(ray_address):
            for name in ray.util.list_named_actors():
                if name.startswith("node/"):
                    ray.kill(ray.get_actor(name))


async def until_node(store: Store, node_id: str) -> NodeStatus:
    """Wait until a node takes sessions, for a minute."""
    found: dict[str, NodeStatus] = {}
    async with waiting_for(f"node {node_id}", lambda: found, within_s=WITHIN_A_MINUTE_S):
        while node_id not in found:
            found = {node.node_id: node for node in await store.nodes()}
            await asyncio.sleep(0.1)
    return found[node_id]


async def test_a_node_that_is_replaced_is_used_within_a_minute(
    settings: Settings, ray_address: str, ray_cluster: Any
) -> None:
    """Its session goes on at the new one, and there are two batching actors again."""
    two = replace(settings, batching=replace(settings.batching, num_batchers=2))
    lost = ray_cluster.add_node(**SIZES)
    async with cluster_with(two, ray_address, **{ONCE: 1}) as cluster:
        before = await until_batchers(cluster.store, lambda found: len(found) == 2, "two of them")
        client = await Caller.create(cluster.store, "moving")
        await client.bind(await until_node(cluster.store, lost.node_id[:12]))
        await client.ask()
        await client.until_event(ResponseDone)
        ray_cluster.remove_node(lost, allow_graceful=False)
        new = ray_cluster.add_node(**SIZES)
        try:
            await client.bind(await until_node(cluster.store, new.node_id[:12]))
            await client.ask()
            await client.until_event(ResponseDone, 2)
            gone = {each.batcher_id for each in before if each.node_id == lost.node_id[:12]}
            assert gone, "each node had a batching actor"
            await until_batchers(
                cluster.store,
                lambda found: len({each.batcher_id for each in found} - gone) == 2,
                "two of them again",
            )
            await client.close()
        finally:
            ray_cluster.remove_node(new)
