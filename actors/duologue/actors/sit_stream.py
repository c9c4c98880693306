"""The server's side of one stream: what waits to be written to its session."""

import asyncio

from duologue.batching.load_plan import Load
from duologue.batching.messages import Answer, Seated, Unseated
from duologue.lane.slices import SliceResult
from duologue.v1 import batching_pb2 as pb
from duologue.wire.sitting import response_to_pb, seated_to_pb, unseated_to_pb

MAX_WAITING = 32
"""Answers that may wait. A session is owed one at a time, so only one that does not read at all
comes to so many."""


class SitStream:
    """Belongs to the event loop; the loop of forwards knows it only as a name."""

    def __init__(self, batcher_id: str) -> None:
        self.key = ""
        self.epoch = 0
        self._batcher_id = batcher_id
        self._waiting: asyncio.Queue[Answer | None] = asyncio.Queue(MAX_WAITING + 1)
        self._is_over = False

    def put(self, answer: Answer) -> None:
        """Have an answer written. A session that reads none of them is cut off."""
        if self._is_over:
            return
        if self._waiting.qsize() >= MAX_WAITING:
            self.end()
            return
        self._waiting.put_nowait(answer)
        self._is_over = isinstance(answer, Unseated)

    def end(self) -> None:
        """The session has left: nothing is written behind what waits already."""
        if not self._is_over:
            self._is_over = True
            self._waiting.put_nowait(None)

    async def next(self) -> pb.SitResponse | None:
        """What to write next; None at the end."""
        answer = await self._waiting.get()
        match answer:
            case Unseated(error):
                self._waiting.put_nowait(None)
                return unseated_to_pb(error)
            case Seated(load):
                return seated_to_pb(self._batcher_id, load)
            case SliceResult() | Load():
                return response_to_pb(answer)
            case None:
                return None
