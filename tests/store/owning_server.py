"""A process that owns an embedded server: prints where it is, and waits for whatever comes."""

import asyncio
import signal
import sys

from duologue.store.valkey import EmbeddedValkey


async def main(data_dir: str) -> None:
    server = EmbeddedValkey(data_dir)
    await server.start()
    print(server.pid, server.url, flush=True)
    await asyncio.Event().wait()


# Tests that run in the background of a shell inherit that it ignores this signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
asyncio.run(main(sys.argv[1]))
