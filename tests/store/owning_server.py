"""A process that owns an embedded server: prints where it is, and waits for whatever comes."""

import asyncio
import sys

from duologue.store.valkey import EmbeddedValkey


async def main(data_dir: str) -> None:
    server = EmbeddedValkey(data_dir)
    await server.start()
    print(server.pid, server.url, flush=True)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
