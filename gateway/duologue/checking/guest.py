"""A tenant for the length of a check, made at the store by those who have no key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from duologue.checking.steps import Steps
from duologue.errors import DuologueError, UnknownKey, UnknownTenant
from duologue.service_settings import StoreSettings
from duologue.store.store import Store
from duologue.tenants import NewKey, Tenant

TENANT = "duologue-check"

_ATTEMPTS = 5


@asynccontextmanager
async def guest_key(settings: StoreSettings, steps: Steps) -> AsyncIterator[str]:
    """A key of the tenant `duologue-check`; key and tenant are removed however the block ends.

    While other checks have keys of the tenant too, it stays.
    """
    assert settings.url is not None
    made: NewKey | None = None
    try:
        async with (
            steps.step("guest") as finding,
            await Store.connect(settings.url, settings) as store,
        ):
            made = await _make(store)
            finding.told = f"key {made.key_id} of tenant {TENANT}, made at the store"
        yield made.key
    finally:
        if made is not None:
            async with (
                steps.step("cleared") as finding,
                await Store.connect(settings.url, settings) as store,
            ):
                await _remove(store, made)
                finding.told = f"key {made.key_id} is removed"


async def _make(store: Store) -> NewKey:
    try:
        for _ in range(_ATTEMPTS):
            if await store.tenant(TENANT) is None:
                await store.put_tenant(Tenant(TENANT))
            # Another check may have been the last one, and have removed the tenant just now.
            with suppress(UnknownTenant):
                return await store.create_key(TENANT)
    except BaseException:
        with suppress(DuologueError):
            await _remove_unused(store)
        raise
    raise UnknownTenant(f"tenant {TENANT} was removed again and again while a key was made for it")


async def _remove(store: Store, made: NewKey) -> None:
    with suppress(UnknownKey):
        await store.revoke_key(made.key_id)
    await _remove_unused(store)


async def _remove_unused(store: Store) -> None:
    tenant = await store.tenant(TENANT)
    if tenant is not None and not tenant.key_ids:
        with suppress(UnknownTenant):
            await store.delete_tenant(TENANT)
