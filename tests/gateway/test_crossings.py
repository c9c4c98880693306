"""Who has no right to something does not get it: every call, with every kind of wrong credential.

The calls come from the protos themselves, so that a new one cannot be forgotten.
"""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from duologue.gateway.rights import NEEDED
from duologue.gateway.server import Gateway
from duologue.jwt_settings import JwtSettings
from duologue.scopes import ALL_SCOPES
from duologue.session.transcript import Entry, Outcome, Role
from duologue.session_record import SessionStatus, TranscriptEdit
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.v1 import admin_pb2
from tests.gateway.conftest import Serve
from tests.gateway.crossing import (
    INSIDE,
    OURS,
    Ending,
    attempt,
    methods,
    path_of,
    requests_naming,
)
from tests.gateway.scripted import ScriptedNode, World
from tests.gateway.talking import Api, api
from tests.tokens import AUDIENCE, ISSUER, claims, document, private_key, public_jwk, token

SECRET = "the victim's own words"
ALL = " ".join(sorted(ALL_SCOPES))
METHODS = methods(*OURS)
Wrong = tuple[str, str | None]
"""What is wrong with it, and the credential."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A tenant with a session in which something was said, and those who are after it."""

    gateway: Gateway
    store: Store
    session_id: str
    named: dict[str, str]
    """What requests name, by the name of the field."""

    async def standing(self) -> tuple[object, ...]:
        """All that a crossing could have changed."""
        record = await self.store.require_session("victim", self.session_id)
        # Nobody renews its lease here, which may run out meanwhile.
        is_live = record.status is SessionStatus.LIVE
        status = SessionStatus.ASLEEP if is_live else record.status
        session = replace(record, status=status, address="", node_id="")
        transcript = await self.store.transcript("victim", self.session_id)
        nodes = await self.store.nodes()
        return session, transcript, await self.store.tenants(), nodes


@pytest.fixture
def issuer(tmp_path: Path) -> JwtSettings:
    file = tmp_path / "keys.json"
    file.write_bytes(document(public_jwk("ES256"), public_jwk("RS256")))
    return JwtSettings(jwks=str(file), issuer=ISSUER, audience=AUDIENCE, leeway_s=0)


@pytest.fixture
async def scene(
    serve: Serve, scripted: ScriptedNode, store: Store, world: World, issuer: JwtSettings
) -> AsyncIterator[Scene]:
    for tenant in (Tenant("victim"), Tenant("other"), Tenant("ops", is_operator=True)):
        await store.put_tenant(tenant)
    victim = await store.create_key("victim")
    async with serve(jwt=issuer) as gateway, api(gateway.address, victim.key) as client:
        talk = await client.started()
        lease = world.story(talk.session_id).lease
        assert lease is not None
        said = TranscriptEdit(0, (Entry(Role.USER, SECRET, Outcome.ANSWERED),))
        await store.append(lease, b"entry", transcript=said)
        named = {
            "session_id": talk.session_id,
            "resume_token": talk.resume_token,
            "tenant_id": "victim",
            "key_id": victim.key_id,
            "node_id": "node-1",
        }
        yield Scene(gateway, store, talk.session_id, named)


async def _sweep(
    scene: Scene, wrong: list[Wrong], judge: Callable[[MethodDescriptor, str, Ending], bool]
) -> int:
    """Try all calls with all of them; how many were tried. Fails if one was wrongly let through, or
    if anything has changed then."""
    before, crossings, num_tried = await scene.standing(), list[str](), 0
    async with grpc.aio.insecure_channel(scene.gateway.address) as channel:
        for what, credential in wrong:
            for method in METHODS:
                for request in requests_naming(method, scene.named):
                    ending = await attempt(channel, method, request, credential)
                    num_tried += 1
                    if not judge(method, what, ending) or _tells(scene, ending.answers):
                        crossings.append(f"{what}: {path_of(method)}: {ending}")
    assert not crossings, crossings
    assert await scene.standing() == before
    return num_tried


def _tells(scene: Scene, answers: tuple[Message, ...]) -> bool:
    told = b"".join(answer.SerializeToString() for answer in answers)
    return SECRET.encode() in told or scene.session_id.encode() in told or b"victim" in told


def _forged() -> str:
    """Signed with the public key, as if that were a secret that both sides share."""
    public = private_key("RS256").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    algorithm = jwt.api_jws.PyJWS().get_algorithm_by_name("HS256")
    head, body = (
        jwt.encode(claims(**_WHOSE), "k" * 32, "HS256", {"kid": "RS256-one"}).rpartition(".")[0]
    ).split(".")
    mac = algorithm.sign(f"{head}.{body}".encode(), pem)
    return f"{head}.{body}.{jwt.utils.base64url_encode(mac).decode()}"


_WHOSE: dict[str, Any] = {"tenant": "victim", "scope": ALL}


async def _nobodys(store: Store) -> list[Wrong]:
    """Credentials that are nobody's, or not any more."""
    revoked = await store.create_key("ops")
    await store.revoke_key(revoked.key_id)
    expired = await store.create_key("ops", expires_in_ms=1)
    now_s = int(time.time())
    operators: dict[str, Any] = {"tenant": "ops", "scope": ALL}
    return [
        ("nothing", None),
        ("rubbish", "duo_x_y"),
        ("a key that is revoked", revoked.key),
        ("a key that has expired", expired.key),
        ("a token that has expired", token(**operators, exp=now_s - 1)),
        ("a token to come", token(**operators, nbf=now_s + 600)),
        ("another issuer's token", token(**operators, iss="https://other.example")),
        ("a token for another audience", token(**operators, aud="other")),
        ("a token of a key that is not the issuer's", token("ES256", "two", **operators)),
        ("a token of another algorithm", token("EdDSA", **operators)),
        ("a token with a public key as a secret", _forged()),
        ("a token without a signature", jwt.encode(claims(**operators), "", "none")),
        ("a token of a tenant that is not there", token(tenant="nobody", scope=ALL)),
    ]


async def test_nobody_gets_anything(scene: Scene) -> None:
    def judge(method: MethodDescriptor, what: str, ending: Ending) -> bool:
        reason = {
            "a key that has expired": "KEY_EXPIRED",
            "a token that has expired": "TOKEN_EXPIRED",
        }.get(what, "UNAUTHENTICATED")
        is_refused = ending.code is grpc.StatusCode.UNAUTHENTICATED
        return is_refused and ending.reason == reason

    wrong = await _nobodys(scene.store)
    assert await _sweep(scene, wrong, judge) >= len(wrong) * len(METHODS)


async def test_another_tenant_gets_only_its_own(scene: Scene) -> None:
    allowed = {"CreateSession", "ListSessions"}  # its own, of which it has none, and a new one
    starts = {"Converse"}  # a new conversation of its own, which is left at once

    def judge(method: MethodDescriptor, what: str, ending: Ending) -> bool:
        if "AdminService" in path_of(method):
            return ending.code is grpc.StatusCode.PERMISSION_DENIED
        if method.name in allowed or (method.name in starts and ending.answers):
            return ending.code is grpc.StatusCode.OK
        return ending.code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)

    key = (await scene.store.create_key("other")).key
    wrong: list[Wrong] = [("a key", key), ("a token", token(tenant="other", scope=ALL))]
    await _sweep(scene, wrong, judge)


async def test_a_missing_scope_is_named(scene: Scene) -> None:
    """Of the tenant itself, and of an operator."""
    for method in METHODS:
        needed = NEEDED[path_of(method)]
        owner = "ops" if "AdminService" in path_of(method) else "victim"
        others = ALL_SCOPES - {needed}
        key = (await scene.store.create_key(owner, others)).key
        signed = token(tenant=owner, scope=" ".join(others))
        before = await scene.standing()
        async with grpc.aio.insecure_channel(scene.gateway.address) as channel:
            for credential in (key, signed):
                for request in requests_naming(method, scene.named):
                    ending = await attempt(channel, method, request, credential)
                    assert ending.code is grpc.StatusCode.PERMISSION_DENIED, path_of(method)
                    assert ending.reason == "MISSING_SCOPE"
                    assert f"the scope '{needed}'" in ending.message
        assert await scene.standing() == before


async def test_what_is_inside_is_not_served_to_clients(scene: Scene) -> None:
    key = (await scene.store.create_key("ops")).key
    async with grpc.aio.insecure_channel(scene.gateway.address) as channel:
        for method in methods(*INSIDE):
            for request in requests_naming(method, scene.named):
                ending = await attempt(channel, method, request, key)
                assert ending.code is grpc.StatusCode.UNIMPLEMENTED, path_of(method)


async def test_the_sweep_can_fail(scene: Scene) -> None:
    """With the victim's own key everything of it is there to be had."""
    key = (await scene.store.create_key("victim")).key
    found = set[str]()
    async with grpc.aio.insecure_channel(scene.gateway.address) as channel:
        for method in METHODS:
            for request in requests_naming(method, scene.named):
                ending = await attempt(channel, method, request, key)
                if _tells(scene, ending.answers):
                    found.add(method.name)
    assert {"Converse", "GetSession", "ListSessions", "GetTranscript"} <= found


async def test_a_token_is_as_good_as_a_key(scene: Scene) -> None:
    async with api(scene.gateway.address, token(tenant="victim")) as client:
        talk = await client.started()
        await talk.say("hello")
        await talk.until_done(1)
    async with api(scene.gateway.address, token(tenant="ops", scope=ALL)) as operator:
        await _capacity(operator)


async def _capacity(operator: Api) -> None:
    await operator.admin.GetCapacity(admin_pb2.GetCapacityRequest(), metadata=operator.metadata)
