"""Whose data is under a tenant's name now: a name that was given away anew begins with nothing.

A tenant that is deleted leaves sessions behind, for as long as they are kept, and processes that
still know its name. So names have generations, which deleting counts, and keys carry them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from duologue.store.connection import Connection
from duologue.store.keys import GENERATIONS, TENANTS, realm_of

REMEMBERED_S = 2.0
"""A process may take a tenant that was deleted to be there for so long."""
_MAX_REMEMBERED = 10_000


class Realms:
    """Asks the store for a name's generation once in a while."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()

    async def of(self, tenant_id: str) -> str:
        """What stands for the tenant in keys."""
        until_s, generation = self._known.get(tenant_id, (0.0, 0))
        if _now_s() >= until_s:
            generation = await self._asked(tenant_id)
        return realm_of(tenant_id, generation)

    async def has_changed(self, tenant_id: str) -> bool:
        """Whether `of` was wrong, which it is not the next time."""
        _, before = self._known.get(tenant_id, (0.0, 0))
        return await self._asked(tenant_id) != before

    async def all(self) -> dict[str, str]:
        """Those of all tenants that are there."""
        names, pairs = await self._connection.read_together(
            ("HKEYS", TENANTS), ("HGETALL", GENERATIONS)
        )
        generations = {name.decode(): int(count) for name, count in dict(pairs).items()}
        tenant_ids: Iterable[str] = (name.decode() for name in names)
        return {each: realm_of(each, generations.get(each, 0)) for each in tenant_ids}

    def is_present(self, tenant_id: str, generation: int) -> bool:
        """Whether no later generation of the name is known."""
        return self._known.get(tenant_id, (0.0, 0))[1] <= generation

    def note(self, tenant_id: str, generation: int) -> None:
        """The name's generation was learned just now."""
        self._known[tenant_id] = (_now_s() + REMEMBERED_S, generation)
        self._known.move_to_end(tenant_id)
        while len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)

    async def _asked(self, tenant_id: str) -> int:
        (count,) = await self._connection.read_together(("HGET", GENERATIONS, tenant_id))
        generation = int(count or 0)
        self.note(tenant_id, generation)
        return generation


def _now_s() -> float:
    return asyncio.get_running_loop().time()
