"""Whether a server throws out keys when its memory is full, which would be sessions and tenants."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError

_ASK_S = 1.0


async def eviction_of(redis: Redis) -> str | None:
    """The policy by which it does, or None: also when it does not say.

    By INFO, which servers allow that forbid CONFIG.
    """
    try:
        async with asyncio.timeout(_ASK_S):
            memory = await redis.info("memory")
    except (RedisError, OSError):
        return None
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    return policy if memory.get("maxmemory") and policy != "noeviction" else None
