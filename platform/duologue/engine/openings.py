"""Openings that are being computed: who else begins with the same waits and then shares them."""

from collections.abc import Sequence

from duologue.engine.job import Job
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.memory import KVMemory


class Openings:
    """Sees to it that each opening is computed once at a time."""

    def __init__(self, memory: KVMemory) -> None:
        self._memory = memory
        self._computing: dict[tuple[str, tuple[int, ...]], Job] = {}

    def must_wait(self, job: Job) -> bool:
        """Whether another job is computing what this one begins with; if none is, this one is."""
        opening = job.seat.opening
        if opening is None or job.seat.slot is not None or len(opening.tokens) < CELLS_PER_BLOCK:
            return False
        key = opening.scope, tuple(opening.tokens)
        other = self._computing.get(key)
        if other is not None and other is not job and not other.is_over:
            return True
        self._computing[key] = job
        return False

    def computed(self, jobs: Sequence[Job]) -> None:
        """A forward of these jobs is done: openings that are whole now are shared."""
        for job in jobs:
            opening, slot = job.seat.opening, job.seat.slot
            if opening is None or slot is None or job.seat.is_opening_shared:
                continue
            cells = job.seat.lane.trunk.cells[: len(opening.tokens)]
            if len(cells) == len(opening.tokens):
                self._memory.share(slot, opening, cells)
                job.seat.is_opening_shared = True
                self._computing.pop((opening.scope, tuple(opening.tokens)), None)

    def forget(self, job: Job) -> None:
        """The job is over, or its session is gone."""
        for key in [key for key, other in self._computing.items() if other is job]:
            del self._computing[key]
