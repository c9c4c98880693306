"""Calls other than conversations: a tenant's own sessions, and what operators do."""

import asyncio
from typing import NoReturn

import grpc
import pytest
from grpc.aio import AioRpcError

from duologue.client import connect
from duologue.session.transcript import Entry, Outcome, Role
from duologue.session_record import SessionRecord, TranscriptEdit
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.v1 import admin_pb2, events_pb2
from duologue.v1 import conversation_pb2 as pb
from tests.gateway.conftest import Serve
from tests.gateway.scripted import ScriptedNode, World
from tests.gateway.talking import Api, api, details, failure, resume
from tests.json_log import json_log


@pytest.fixture
async def operator(client: Api, store: Store) -> Api:
    await store.put_tenant(Tenant("ops", is_operator=True))
    key = (await store.create_key("ops")).key
    return Api(client.channel, key)


async def test_a_session_that_is_made_first_and_resumed_then(client: Api) -> None:
    config = events_pb2.SessionConfig(strategy="turn", temperature=0.5)
    config.labels.update({"call": "7"})
    created = await client.conversations.CreateSession(
        pb.CreateSessionRequest(config=config), metadata=client.metadata
    )
    session = created.session
    assert session.status == pb.SESSION_STATUS_NEW
    assert session.tenant_id == "acme"
    assert session.config == config
    assert session.created_at.seconds > 0
    assert session.time_to_live.seconds == 86_400
    talk = client.converse()
    await talk.write(resume(session.session_id, created.resume_token))
    await talk.until_ready()
    found = await client.conversations.GetSession(
        pb.GetSessionRequest(session_id=session.session_id), metadata=client.metadata
    )
    assert found.session.status == pb.SESSION_STATUS_LIVE
    assert found.session.epoch == 1
    assert found.session.node_id == "node-1"


async def test_sessions_come_in_pages(client: Api) -> None:
    names = set()
    for _ in range(5):
        created = await client.conversations.CreateSession(
            pb.CreateSessionRequest(), metadata=client.metadata
        )
        names.add(created.session.session_id)
    found: list[str] = []
    token = ""
    for size in (2, 2, 1):
        request = pb.ListSessionsRequest(page_size=2, page_token=token)
        page = await client.conversations.ListSessions(request, metadata=client.metadata)
        assert len(page.sessions) == size
        found += [session.session_id for session in page.sessions]
        token = page.next_page_token
    assert token == ""
    assert len(found) == 5
    assert {*found} == names


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListSessionsRequest(page_size=1001), "page_size"),
        (pb.ListSessionsRequest(page_token="rubbish"), "page_token"),
    ],
)
async def test_a_bad_page_is_named(
    client: Api, request_: pb.ListSessionsRequest, field: str
) -> None:
    with pytest.raises(AioRpcError) as caught:
        await client.conversations.ListSessions(request_, metadata=client.metadata)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    violations = details(caught.value)["BadRequest"].field_violations  # type: ignore[attr-defined]
    assert violations[0].field == field


async def test_a_transcript(client: Api, store: Store, world: World) -> None:
    talk = await client.started()
    lease = world.story(talk.session_id).lease
    assert lease is not None
    said = (
        Entry(Role.USER, "and?", Outcome.ANSWERED),
        Entry(Role.ASSISTANT, "so", Outcome.CUT, 1),
    )
    await store.append(lease, b"entry", transcript=TranscriptEdit(0, said))
    found = await client.conversations.GetTranscript(
        pb.GetTranscriptRequest(session_id=talk.session_id), metadata=client.metadata
    )
    user, reply = found.entries
    assert (user.role, user.text, user.outcome) == (pb.ROLE_USER, "and?", "answered")
    assert not user.HasField("response_id")
    assert (reply.role, reply.outcome, reply.response_id) == (pb.ROLE_ASSISTANT, "cut", 1)


async def test_a_call_has_a_deadline(
    serve: Serve, store: Store, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(tenant_id: str, session_id: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(store, "require_session", never)
    async with serve(unary_ms=1) as gateway, api(gateway.address, key) as client:
        with pytest.raises(AioRpcError) as caught:
            await client.conversations.GetSession(
                pb.GetSessionRequest(session_id="ses_1"), metadata=client.metadata
            )
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_fault_of_ours_is_told_without_its_words(
    client: Api, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(tenant_id: str, session_id: str) -> None:
        raise RuntimeError("a secret of the machine room")

    monkeypatch.setattr(store, "require_session", fails)
    with pytest.raises(AioRpcError) as caught:
        await client.conversations.GetSession(
            pb.GetSessionRequest(session_id="ses_1"), metadata=client.metadata
        )
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value.details())


OPERATORS_CALLS = [
    ("GetCapacity", admin_pb2.GetCapacityRequest()),
    ("ListNodes", admin_pb2.ListNodesRequest()),
    ("DrainNode", admin_pb2.DrainNodeRequest(node_id="node-1")),
    ("ListTenants", admin_pb2.ListTenantsRequest()),
    ("PutTenant", admin_pb2.PutTenantRequest(tenant=admin_pb2.Tenant(tenant_id="x"))),
    ("DeleteTenant", admin_pb2.DeleteTenantRequest(tenant_id="acme")),
    ("CreateKey", admin_pb2.CreateKeyRequest(tenant_id="acme")),
    ("RevokeKey", admin_pb2.RevokeKeyRequest(key_id="x")),
    ("ListAllSessions", admin_pb2.ListAllSessionsRequest()),
    ("GetUsage", admin_pb2.GetUsageRequest()),
]


@pytest.mark.parametrize(("name", "request_"), OPERATORS_CALLS, ids=lambda value: str(value)[:16])
async def test_operators_calls_need_an_operators_key(
    client: Api, store: Store, name: str, request_: object
) -> None:
    with pytest.raises(AioRpcError) as caught:
        await getattr(client.admin, name)(request_, metadata=client.metadata)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert await store.tenant("acme") is not None


def test_all_calls_of_operators_are_tried_without_their_key() -> None:
    methods = admin_pb2.DESCRIPTOR.services_by_name["AdminService"].methods
    assert [name for name, _ in OPERATORS_CALLS] == [method.name for method in methods]


async def test_tenants_and_keys(operator: Api, client: Api) -> None:
    wanted = admin_pb2.Tenant(
        tenant_id="new", max_sessions=3, priority=2, records_text=True, weight=0.5
    )
    put = await operator.admin.PutTenant(
        admin_pb2.PutTenantRequest(tenant=wanted), metadata=operator.metadata
    )
    assert put.tenant == wanted
    made = await operator.admin.CreateKey(
        admin_pb2.CreateKeyRequest(tenant_id="new"), metadata=operator.metadata
    )
    listed = await operator.admin.ListTenants(
        admin_pb2.ListTenantsRequest(), metadata=operator.metadata
    )
    assert [tenant.tenant_id for tenant in listed.tenants] == ["acme", "new", "ops"]
    assert listed.tenants[1].key_ids == [made.key_id]
    fresh = Api(client.channel, made.key)
    await fresh.started()
    await operator.admin.RevokeKey(
        admin_pb2.RevokeKeyRequest(key_id=made.key_id), metadata=operator.metadata
    )
    await operator.admin.DeleteTenant(
        admin_pb2.DeleteTenantRequest(tenant_id="new"), metadata=operator.metadata
    )
    with pytest.raises(AioRpcError) as caught:
        await operator.admin.CreateKey(
            admin_pb2.CreateKeyRequest(tenant_id="new"), metadata=operator.metadata
        )
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("tenant_id", ["", "with blank", "a" * 64], ids=["empty", "blank", "long"])
async def test_a_bad_name_of_a_tenant(operator: Api, tenant_id: str) -> None:
    request = admin_pb2.PutTenantRequest(tenant=admin_pb2.Tenant(tenant_id=tenant_id))
    with pytest.raises(AioRpcError) as caught:
        await operator.admin.PutTenant(request, metadata=operator.metadata)
    violations = details(caught.value)["BadRequest"].field_violations  # type: ignore[attr-defined]
    assert violations[0].field == "tenant_id"


async def test_draining_a_node(operator: Api, client: Api, scripted: ScriptedNode) -> None:
    request = admin_pb2.DrainNodeRequest(node_id="node-1")
    request.grace.FromMilliseconds(1_500)
    await operator.admin.DrainNode(request, metadata=operator.metadata)
    assert scripted.drained_ms == 1_500
    nodes = await operator.admin.ListNodes(admin_pb2.ListNodesRequest(), metadata=operator.metadata)
    assert [node.is_draining for node in nodes.nodes] == [True]
    unknown = admin_pb2.DrainNodeRequest(node_id="nobody")
    with pytest.raises(AioRpcError) as caught:
        await operator.admin.DrainNode(unknown, metadata=operator.metadata)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_capacity_and_all_sessions(operator: Api, client: Api) -> None:
    talk = await client.started()
    capacity = await operator.admin.GetCapacity(
        admin_pb2.GetCapacityRequest(), metadata=operator.metadata
    )
    assert capacity.queued_sessions == 0
    for tenant_id, expected in (("", [talk.session_id]), ("acme", [talk.session_id]), ("ops", [])):
        page = await operator.admin.ListAllSessions(
            admin_pb2.ListAllSessionsRequest(tenant_id=tenant_id), metadata=operator.metadata
        )
        assert [session.session_id for session in page.sessions] == expected


async def test_a_closed_session_is_over(client: Api) -> None:
    talk = await client.started()
    request = pb.CloseSessionRequest(session_id=talk.session_id)
    for _ in range(2):  # closing again changes nothing
        await client.conversations.CloseSession(request, metadata=client.metadata)
    found = await client.conversations.GetSession(
        pb.GetSessionRequest(session_id=talk.session_id), metadata=client.metadata
    )
    assert found.session.status == pb.SESSION_STATUS_CLOSED


@pytest.mark.parametrize("letter", ["x", "é", "語", "😀", "%", "\n"])
async def test_a_refusal_arrives_whatever_it_quotes(client: Api, letter: str) -> None:
    config = events_pb2.SessionConfig(strategy=letter * (60_000 // len(letter.encode())))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.conversations.CreateSession(
            pb.CreateSessionRequest(config=config), metadata=client.metadata
        )
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    found = details(caught.value)
    assert found["BadRequest"].field_violations[0].field == "config.strategy"  # type: ignore[attr-defined]
    talk = await client.starting(config)
    assert (await failure(talk)).code() is grpc.StatusCode.INVALID_ARGUMENT


async def _make_large(store: Store, count: int) -> bytes:
    """Sessions with as much of a config as the API takes; the config."""
    config = events_pb2.SessionConfig(system_prompt="語" * 16_384, strategy="turn")
    config.history.add(role="user", text="hello")
    for number in range(count):
        await store.create_session(
            SessionRecord("acme", f"s{number}", config.SerializeToString(), b"d", 1_000 + number)
        )
    return config.SerializeToString()


async def test_a_page_of_sessions_ends_by_its_bytes(
    client: Api, operator: Api, store: Store
) -> None:
    count = 70
    config = await _make_large(store, count)
    mine: list[pb.Session] = []
    for token in await _pages(client, mine):
        assert token
    everybodys = await operator.admin.ListAllSessions(
        admin_pb2.ListAllSessionsRequest(page_size=1_000), metadata=operator.metadata
    )
    assert 1 <= len(everybodys.sessions) <= 2**20 // len(config)
    assert everybodys.ByteSize() < 2**20
    assert [each.session_id for each in mine] == [f"s{n}" for n in reversed(range(count))]
    assert {each.config.strategy for each in mine} == {"turn"}
    assert not any(each.config.HasField("system_prompt") for each in mine)
    assert not any(each.config.history for each in mine)
    found = await client.conversations.GetSession(
        pb.GetSessionRequest(session_id="s0"), metadata=client.metadata
    )
    assert len(found.session.config.system_prompt) == 16_384
    assert [turn.text for turn in found.session.config.history] == ["hello"]


async def _pages(client: Api, found: list[pb.Session]) -> list[str]:
    """Read all pages; the tokens of those that have one behind them."""
    token = ""
    tokens: list[str] = []
    while True:
        request = pb.ListSessionsRequest(page_size=1_000, page_token=token)
        page = await client.conversations.ListSessions(request, metadata=client.metadata)
        assert page.ByteSize() < 2**20
        found += page.sessions
        token = page.next_page_token
        if not token:
            return tokens
        tokens.append(token)


async def test_a_transcript_comes_in_pages(client: Api, store: Store) -> None:
    await store.create_session(SessionRecord("acme", "long", b"", b"d", 1_000))
    lease = await store.take_lease("acme", "long", "actor", address="a:1", node_id="n")
    entries = [Entry(Role.USER, f"{n} " + "語" * 8_000, Outcome.ANSWERED) for n in range(100)]
    await store.append(lease, b"entry", transcript=TranscriptEdit(0, tuple(entries)))
    texts: list[str] = []
    token, num_pages = "", 0
    while True:
        request = pb.GetTranscriptRequest(session_id="long", page_token=token)
        page = await client.conversations.GetTranscript(request, metadata=client.metadata)
        assert page.ByteSize() < 2**20 + 1_000
        texts += [entry.text for entry in page.entries]
        token, num_pages = page.next_page_token, num_pages + 1
        if not token:
            break
    assert texts == [entry.text for entry in entries]
    assert num_pages == 3
    for size, token, field in ((1_001, "", "page_size"), (0, "x", "page_token")):
        request = pb.GetTranscriptRequest(session_id="long", page_size=size, page_token=token)
        with pytest.raises(AioRpcError, match=field):
            await client.conversations.GetTranscript(request, metadata=client.metadata)
    async with connect(client.address, api_key=client.metadata[0][1].split()[1]) as whole:
        assert await whole.transcript("long") == entries


async def test_a_tenants_calls_are_counted(
    serve: Serve, scripted: ScriptedNode, store: Store, key: str
) -> None:
    await store.put_tenant(Tenant("other"))
    other = (await store.create_key("other")).key
    async with serve(calls_per_minute=2) as gateway, api(gateway.address, key) as client:
        request = pb.ListSessionsRequest()
        for _ in range(2):
            await client.conversations.ListSessions(request, metadata=client.metadata)
        with pytest.raises(AioRpcError) as caught:
            await client.conversations.ListSessions(request, metadata=client.metadata)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert {"QuotaFailure", "RetryInfo"} <= set(details(caught.value))
        await client.started()  # conversations have quotas of their own
        neighbour = Api(client.channel, other)
        await neighbour.conversations.ListSessions(request, metadata=neighbour.metadata)


async def test_the_log_names_the_session_of_a_call_that_failed(
    client: Api, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> NoReturn:
        raise RuntimeError("a fault")

    monkeypatch.setattr(store, "close_session", fail)
    with json_log() as log, pytest.raises(AioRpcError):
        await client.conversations.CloseSession(
            pb.CloseSessionRequest(session_id="ses_a"), metadata=client.metadata
        )
    entry = log.entry("a call failed")
    assert entry["session_id"] == "ses_a"
    assert "a fault" in entry["exception"]
