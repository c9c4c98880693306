"""The embedded server: it is there when it is wanted, keeps what it promised, and is no orphan."""

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from duologue.errors import StoreUnavailable
from duologue.store.valkey import EmbeddedValkey
from tests.long_folders import long_temporary_folder
from tests.waiting import WITHIN_S

OWNER = Path(__file__).with_name("owning_server.py")


def wait_for_end(connection: socket.socket, pid: int) -> None:
    """Wait until the server at the other end has ended, however it does."""
    connection.settimeout(WITHIN_S)
    assert connection.recv(1) == b"", "the server did not close the connection"
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=WITHIN_S)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def connected(url: str) -> socket.socket:
    """A bare connection to a server at a Unix socket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(url.removeprefix("unix://"))
    return connection


async def test_it_answers_at_its_socket_and_leaves_nothing_behind() -> None:
    async with EmbeddedValkey() as server:
        path = Path(server.url.removeprefix("unix://"))
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        pid, connection = server.pid, connected(server.url)
        with Redis.from_url(server.url) as redis:
            assert redis.ping()
            assert redis.config_get("appendonly") == {"appendonly": "no"}
    with connection:
        wait_for_end(connection, pid)
    assert not path.parent.exists()
    await server.stop()


async def test_a_tcp_port_needs_the_password_of_the_url() -> None:
    async with EmbeddedValkey(host="127.0.0.1") as server, EmbeddedValkey(host="127.0.0.1") as two:
        assert server.url.startswith("redis://:")
        assert server.url != two.url
        with Redis.from_url(server.url) as redis:
            assert redis.ping()
        address = server.url.rpartition("@")[2]
        with Redis.from_url(f"redis://{address}") as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        shown = " ".join(psutil.Process(server.pid).cmdline())
        assert server.url.split(":")[2].split("@")[0] not in shown


async def test_what_it_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / 'a "folder"'
    async with EmbeddedValkey(folder) as server:
        with Redis.from_url(server.url) as redis:
            for number in range(100):
                redis.set(f"key{number}", number)
            os.kill(server.pid, signal.SIGKILL)
        url = server.url
        await server.restart()
        assert server.url == url
        with Redis.from_url(server.url) as redis:
            assert redis.dbsize() == 100
    async with EmbeddedValkey(folder) as server:
        with Redis.from_url(server.url) as redis:
            assert redis.get("key99") == b"99"


@pytest.mark.parametrize("was_there", [False, True])
async def test_nobody_else_reads_what_it_keeps(tmp_path: Path, was_there: bool) -> None:
    folder = tmp_path / "data"
    if was_there:
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
    async with EmbeddedValkey(folder) as server:
        with Redis.from_url(server.url) as redis:
            redis.set("key", "secret")
        found = [folder, *folder.rglob("*")]
        assert any("aof" in path.name for path in found)
        assert [path for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


async def test_every_write_is_on_the_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path) as server:
        with Redis.from_url(server.url) as redis:
            assert redis.config_get("append*")["appendonly"] == "yes"
            assert redis.config_get("appendfsync") == {"appendfsync": "always"}


async def test_a_folder_serves_one_server_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duologue.store.valkey._LOCK_S", 0.0)
    async with EmbeddedValkey(tmp_path) as server:
        with pytest.raises(StoreUnavailable, match="another server keeps its data in"):
            await EmbeddedValkey(tmp_path).start()
        with Redis.from_url(server.url) as redis:
            assert redis.ping()


async def test_a_folder_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        await EmbeddedValkey(tmp_path / "file").start()


async def test_data_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path) as server:
        with Redis.from_url(server.url) as redis:
            redis.set("key", "value")
    (manifest,) = (tmp_path / "appendonlydir").glob("*.manifest")
    manifest.write_text("nonsense\n")
    with pytest.raises(StoreUnavailable, match=r"did not start: .*AOF manifest"):
        await EmbeddedValkey(tmp_path).start()
    assert manifest.read_text() == "nonsense\n"


async def test_it_outlives_the_thread_that_started_it() -> None:
    server = EmbeddedValkey()
    starter = threading.Thread(target=lambda: asyncio.run(server.start()))
    starter.start()
    starter.join(WITHIN_S)
    with Redis.from_url(server.url) as redis:
        assert redis.ping()
        assert server.is_running
    await server.stop()
    assert not server.is_running


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parents")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("is_stopped", [False, True], ids=["at work", "stopped"])
async def test_it_does_not_outlive_its_owner(
    tmp_path: Path, end: signal.Signals, is_stopped: bool
) -> None:
    command = [sys.executable, str(OWNER), str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as owner:
        try:
            assert owner.stdout is not None
            pid, url = owner.stdout.readline().split()
            with connected(url) as connection, Redis.from_url(url) as redis:
                redis.set("key", "value")
                if is_stopped:
                    os.kill(int(pid), signal.SIGSTOP)
                owner.send_signal(end)
                wait_for_end(connection, int(pid))
        finally:
            owner.kill()
    shutil.rmtree(Path(url.removeprefix("unix://")).parent)  # what nobody was left to clear away
    async with EmbeddedValkey(tmp_path) as server:  # the folder is free again, with its data
        with Redis.from_url(server.url) as redis:
            assert redis.get("key") == b"value"


async def test_it_starts_where_the_temporary_folder_has_a_long_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_temporary_folder(tmp_path, monkeypatch)
    async with EmbeddedValkey() as server:
        with Redis.from_url(server.url) as redis:
            assert redis.ping()
        folder = Path(server.url.removeprefix("unix://")).parent
    assert not folder.exists()
