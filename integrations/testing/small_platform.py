"""A platform with a tiny model behind a gateway with all doors, for tests in another environment.

Run by the Python that has Duologue, from the checkout's root. Prints where it is, then does what
each line asks: the name of a state is what every utterance is from then on, and is repeated when
that is so. Ends with its input.
"""

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from tests.gateway.real import house
from tests.talkative_model import write_talkative_model

REPLY_TOKENS = 60


async def main() -> None:
    loop = asyncio.get_running_loop()
    valkey = EmbeddedValkey()
    await valkey.start()
    try:
        with TemporaryDirectory() as folder:
            standing = house(
                *(Path(folder), valkey.url),
                max_reply_tokens=REPLY_TOKENS,
                write=write_talkative_model,
            )
            async with standing as built:
                print(json.dumps({"url": built.url, "key": built.key}), flush=True)
                while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
                    built.premises.dictate(State(line))
                    print(line, flush=True)
    finally:
        await valkey.stop()


if __name__ == "__main__":
    asyncio.run(main())
