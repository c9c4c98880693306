"""`duologue health`, `check` and `tenants operator-key`, as processes of their own."""

import json
import os
import signal
import socket
import sys
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from duologue.checking.guest import TENANT
from duologue.client import connect
from duologue.gateway.server import Gateway
from duologue.service_settings import StoreSettings
from duologue.session_record import SessionStatus
from duologue.store.store import Store
from duologue.tenants import Tenant
from tests.certificates import Authority, make_certificate
from tests.client.service import no_address
from tests.gateway import scripted as scripts
from tests.gateway.conftest import Serve
from tests.gateway.scripted import Story, World
from tests.programs import Program, running
from tests.waiting import News

COMMAND = (sys.executable, "-c", "from duologue.cli.main import main; main()")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    output: str
    errors: str


@pytest.fixture(autouse=True)
def nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No platform, whatever runs on this machine."""
    for name in [name for name in os.environ if name.startswith("DUOLOGUE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def started(*arguments: str) -> AbstractAsyncContextManager[Program]:
    return running(*COMMAND, *arguments)


async def run(*arguments: str) -> Ended:
    async with started(*arguments) as program:
        return Ended(await program.ended(), program.output, program.errors)


async def steps(*arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code of a check, and its steps by name."""
    ended = await run("check", "--json", *arguments)
    told = json.loads(ended.output)
    assert told["works"] is (ended.code == 0)
    return ended.code, {step["name"]: step for step in told["steps"]}


# health


async def test_a_gateway_that_serves(gateway: Gateway) -> None:
    told = json.loads((await run("health", gateway.address, "--json")).output)
    assert (told["address"], told["is_serving"]) == (gateway.address, True)
    ready = await run("health", gateway.address)
    assert ready.code == 0
    assert ready.output == f"{gateway.address} (duologue.v1.ConversationService): SERVING\n"
    alive = await run("health", gateway.address, "--service", "")
    assert alive == Ended(0, f"{gateway.address}: SERVING\n", "")


async def test_one_that_drains_is_alive_and_not_ready(gateway: Gateway) -> None:
    await gateway.drain(0)
    ready = await run("health", gateway.address)
    assert (ready.code, ready.output) == (1, "")
    assert ready.errors.endswith("(duologue.v1.ConversationService): NOT_SERVING\n")
    assert (await run("health", gateway.address, "--service", "")).code == 0


async def test_what_is_not_there(gateway: Gateway) -> None:
    unknown = await run("health", gateway.address, "--service", "nobody")
    assert (unknown.code, unknown.errors.count("\n")) == (1, 1)
    assert "(nobody): no such service" in unknown.errors
    with no_address() as address:
        nobody = await run("health", address)
    assert (nobody.code, nobody.errors.count("\n")) == (1, 1)
    assert f"{address} (duologue.v1.ConversationService): no answer" in nobody.errors


async def test_what_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        ended = await run("health", address, "--within-s", "0.2")
    assert (ended.code, ended.errors.count("\n")) == (1, 1)
    assert "no answer" in ended.errors


async def test_health_over_tls(serve: Serve, tmp_path: Path) -> None:
    certificate, secret = make_certificate(tmp_path, "DNS:duologue.example")
    trust = ("--tls-ca", str(certificate))
    async with serve(tls_certificate=str(certificate), tls_key=str(secret)) as gateway:
        named = await run("health", gateway.address, *trust, "--tls-name", "duologue.example")
        assert named.code == 0, named.errors
        other = await run("health", gateway.address, *trust)
        assert (other.code, other.errors.count("\n")) == (1, 1)
    gone = await run("health", gateway.address, "--tls-ca", str(tmp_path / "nothing"))
    assert gone.code == 1
    assert "the certificates are no good: tls_ca cannot be read" in gone.errors


async def test_health_of_a_gateway_that_asks_for_a_certificate(
    serve: Serve, tmp_path: Path
) -> None:
    authority = Authority.make(tmp_path / "ca")
    own, shown = authority.sign("gateway", "DNS:duologue.example"), authority.sign("probe")
    door = {"tls_certificate": str(own.certificate), "tls_key": str(own.key)}
    trust = ("--tls-ca", str(authority.certificate), "--tls-name", "duologue.example")
    proof = ("--tls-certificate", str(shown.certificate), "--tls-key", str(shown.key))
    async with serve(**door, tls_client_ca=str(authority.certificate)) as gateway:
        assert (await run("health", gateway.address, *trust, *proof)).code == 0
        assert (await run("health", gateway.address, *trust)).code == 1
        half = await run("health", gateway.address, *trust, *proof[:2])
    assert "tls_certificate and tls_key must be given together" in half.errors


async def test_a_probe_imports_nothing_that_is_slow(gateway: Gateway) -> None:
    program = (
        "import sys\n"
        "from duologue.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "slow = {'torch', 'numpy', 'redis', 'opentelemetry', 'duologue.client'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
    )
    async with running(sys.executable, "-c", program, "health", gateway.address) as probe:
        assert await probe.ended() == 0
        assert probe.output.splitlines()[-1] == "[]"


# check


async def test_a_platform_that_works(gateway: Gateway, key: str, world: World) -> None:
    ended = await run("check", "--address", gateway.address, "--api-key", key)
    assert (ended.code, ended.errors) == (0, "")
    lines = [line.split() for line in ended.output.splitlines()]
    assert [line[:2] for line in lines[:-1]] == [
        ["ok", name] for name in ("reached", "key", "session", "answer", "closed")
    ]
    assert "'one two three'" in ended.output
    assert lines[-1] == ["it", "works"]
    (story,) = world.stories.values()
    assert story.is_closed


async def test_steps_for_programs(gateway: Gateway, key: str) -> None:
    code, taken = await steps("--address", gateway.address, "--api-key", key)
    assert code == 0
    assert list(taken) == ["reached", "key", "session", "answer", "closed"]
    assert all(step["is_good"] and step["took_ms"] > 0 for step in taken.values())


async def test_without_a_key_a_tenant_is_made_and_removed(
    gateway: Gateway, store: Store, store_settings: StoreSettings
) -> None:
    store_flag = ("-s", f"store.url={store_settings.url}")
    code, taken = await steps("--address", gateway.address, *store_flag)
    assert code == 0, taken
    assert list(taken) == ["reached", "guest", "key", "session", "answer", "closed", "cleared"]
    assert TENANT in taken["guest"]["told"]
    assert await store.tenants() == ()


async def test_a_tenant_that_is_used_by_others_stays(
    gateway: Gateway, store: Store, store_settings: StoreSettings
) -> None:
    await store.put_tenant(Tenant(TENANT, max_sessions=7))
    theirs = await store.create_key(TENANT)
    code, _ = await steps("--address", gateway.address, "-s", f"store.url={store_settings.url}")
    assert code == 0
    assert await store.tenants() == (Tenant(TENANT, max_sessions=7, key_ids=(theirs.key_id,)),)


async def test_what_is_made_is_removed_also_when_there_is_no_room(
    serve: Serve, store: Store, store_settings: StoreSettings
) -> None:
    async with serve(queue_length=0) as gateway:
        code, taken = await steps(
            "--address", gateway.address, "-s", f"store.url={store_settings.url}"
        )
    assert code == 1
    assert list(taken) == ["reached", "guest", "key", "session", "cleared"]
    assert not taken["session"]["is_good"]
    assert taken["session"]["told"]
    assert await store.tenants() == ()


async def test_an_answer_without_words(
    gateway: Gateway, key: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts, "DELTAS", (" ", "\n"))
    code, taken = await steps("--address", gateway.address, "--api-key", key)
    assert code == 1
    assert list(taken) == ["reached", "key", "session", "answer"]
    assert "no text" in taken["answer"]["told"]
    (session,) = (await store.list_sessions("acme")).sessions
    assert session.status is SessionStatus.CLOSED, "it leaves nothing behind"


async def test_a_check_that_is_stopped_clears_away(
    gateway: Gateway,
    store: Store,
    store_settings: StoreSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = News()
    heard: list[object] = []

    def never_answer(story: Story, event: object) -> None:
        heard.append(event)
        said.tell()

    monkeypatch.setattr(Story, "take", never_answer)
    flags = ("--address", gateway.address, "-s", f"store.url={store_settings.url}")
    async with started("check", *flags) as check:
        await said.until(lambda: heard, "the query")
        assert [tenant.tenant_id for tenant in await store.tenants()] == [TENANT]
        check.signal(signal.SIGTERM)
        assert await check.ended() == 1
        assert "stopped" in check.errors
    assert await store.tenants() == ()


async def test_a_key_that_is_not_valid(gateway: Gateway) -> None:
    code, taken = await steps("--address", gateway.address, "--api-key", "duo_a_b")
    assert code == 1
    assert list(taken) == ["reached", "key"]
    assert "not valid" in taken["key"]["told"]


async def test_nobody_there() -> None:
    with no_address() as address:
        ended = await run("check", "--address", address, "--api-key", "duo_a_b")
    assert ended.code == 1
    assert "FAILED  reached" in ended.output
    assert "no answer" in ended.output
    assert "it works" not in ended.output


async def test_several_gateways_of_which_one_serves(gateway: Gateway, key: str) -> None:
    with no_address() as nobody:
        where = f"{nobody},{gateway.address}"
        code, taken = await steps("--address", where, "--api-key", key)
    assert code == 0, taken


async def test_a_check_needs_a_key_or_a_store(gateway: Gateway) -> None:
    ended = await run("check", "--address", gateway.address)
    assert ended.code == 2
    assert "--api-key" in ended.errors
    assert "store.url" in ended.errors


# tenants operator-key


@pytest.fixture
async def operator_key(store_settings: StoreSettings) -> str:
    ended = await run("tenants", "operator-key", "-s", f"store.url={store_settings.url}")
    assert ended.code == 0, ended.errors
    return ended.output.strip()


async def test_an_operators_first_key(gateway: Gateway, operator_key: str, store: Store) -> None:
    async with connect(gateway.address, api_key=operator_key) as client:
        (tenant,) = await client.admin.tenants()
    assert (tenant.tenant_id, tenant.is_operator) == ("operator", True)


async def test_another_key_of_the_operators(store: Store, store_settings: StoreSettings) -> None:
    await store.put_tenant(Tenant("operator", max_sessions=3))
    flags = ("-s", f"store.url={store_settings.url}")
    made = json.loads((await run("tenants", "operator-key", "--json", *flags)).output)
    grant = await store.grant_of(made["key"])
    assert grant is not None
    key_ids = (made["key_id"],)
    assert grant.tenant == Tenant("operator", max_sessions=3, is_operator=True, key_ids=key_ids)


@pytest.mark.parametrize(
    ("flags", "words"),
    [((), "store.url must be set"), (("-s", "store.url=unix:///nowhere"), "does not answer")],
)
async def test_no_store_to_make_a_key_at(flags: tuple[str, ...], words: str) -> None:
    ended = await run("tenants", "operator-key", *flags)
    assert (ended.code, ended.output) == (2, "")
    assert words in ended.errors
