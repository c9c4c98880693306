"""The platform in the foreground of a terminal: until somebody stops it, or it cannot go on."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

from duologue.actors.cluster import LocalCluster, Say
from duologue.cli.endpoint import Endpoint, remove_endpoint
from duologue.errors import DuologueError, UnknownKey
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.tenants import Tenant

DEV_TENANT = "dev"


async def run_platform(settings: Settings, *, ray_address: str | None, say: Say, pid: int) -> None:
    """Returns when it was stopped by SIGINT or SIGTERM; raises DuologueError if it fails."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    was_asked = False

    def stop() -> None:
        nonlocal was_asked
        if not was_asked:  # what is under way to stop must not be stopped
            was_asked = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await _run(settings, ray_address, say, pid)
    except asyncio.CancelledError:
        if not was_asked:
            raise
        task.uncancel()
    say("stopped")


async def _run(settings: Settings, ray_address: str | None, say: Say, pid: int) -> None:
    async with LocalCluster(settings, ray_address, say=say) as cluster:
        key = await development_key(cluster.store)
        endpoint = Endpoint(cluster.address, key, pid=pid)
        path = write_endpoint(endpoint, say)
        try:
            say(f"address  {cluster.address}")
            if cluster.http_address is not None:
                say(f"OpenAI's API is at {cluster.http_address}")
            if (url := settings.gateway.playground_url(cluster.http_address)) is not None:
                say(f"the playground is at {url}")
            say(f"api key  {key}")
            if path is not None:
                say(f"both are in {path}, where `duologue chat` finds them")
            say("Ctrl-C stops everything")
            raise DuologueError(await cluster.failed())
        finally:
            if path is not None:
                remove_endpoint(pid, path)


def write_endpoint(endpoint: Endpoint, say: Say) -> Path | None:
    """The endpoint file; None where there is no place for it, such as in a read-only container."""
    try:
        return endpoint.write()
    except OSError as error:
        say(f"other commands need --address and --api-key: {error}")
        return None


async def development_key(store: Store) -> str:
    """A new key of the development tenant, in place of those that earlier runs left."""
    tenant = await store.tenant(DEV_TENANT)
    for key_id in tenant.key_ids if tenant is not None else ():
        with suppress(UnknownKey):
            await store.revoke_key(key_id)
    await store.put_tenant(Tenant(DEV_TENANT, is_operator=True))
    return (await store.create_key(DEV_TENANT)).key
