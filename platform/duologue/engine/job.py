"""A job: one slice on its way through the forwards."""

import logging
from collections.abc import Callable, Sequence

from duologue.engine.seat import Seat
from duologue.errors import DuologueError
from duologue.lane.slices import Slice, SliceBroken, SliceResult
from duologue.strategies.base import Demand, ForwardOutcome, SliceRun

log = logging.getLogger(__name__)


class Job:
    """Runs a strategy's generator for one slice; is over when there is no demand any more."""

    def __init__(self, seat: Seat, work: Slice, shows: Callable[[Sequence[int]], bool]) -> None:
        """`shows` tells whether a reply that begins with some tokens has text to show."""
        self.seat = seat
        self.run = SliceRun(seat.lane, seat.profile, work, seat.evidence, shows)
        self.demand = Demand()
        self.num_forwards = 0
        self.num_rows = 0
        self._error: DuologueError | None = None
        self._slicing = seat.strategy.run(self.run)
        self._advance(None)

    @property
    def is_over(self) -> bool:
        return not self.demand

    @property
    def is_recall(self) -> bool:
        """Whether it only computes what is there, and nobody waits for it."""
        return not (self.demand.listen or self.demand.speak)

    @property
    def num_wanted_rows(self) -> int:
        """Rows that the demand still needs, in this forward and later ones."""
        lane, demand = self.seat.lane, self.demand
        rows = lane.trunk.num_uncached
        rows += lane.input.num_uncached if demand.listen else 0
        return rows + (lane.output.num_uncached if demand.speak else 0)

    @property
    def num_wanted_forwards(self) -> int:
        """Forwards that it may still take, as far as that can be told: a query that is found adds
        one, with which a slice that returns early ends."""
        work = self.run.work
        if work.returns_early and self.run.is_decided:
            return 1
        num_read = 1 + work.look_ahead_tokens
        most = max(work.reply_tokens, num_read) if self.demand.speak else num_read + 1
        return max(1, most - self.num_forwards)

    def take(self, outcome: ForwardOutcome, num_rows: int) -> None:
        """What a forward with `num_rows` rows of this job gave."""
        self.num_forwards += 1
        self.num_rows += num_rows
        self._advance(outcome)

    def find_computed(self) -> None:
        """All that it wanted is in a shared opening: there is nothing to compute or to read."""
        self._advance(ForwardOutcome())

    def fail(self, error: DuologueError) -> None:
        """End the slice here. What it did holds; what it had only predicted is rolled back."""
        self._error = error
        self.demand = Demand()
        try:
            self._slicing.close()
        except Exception as fault:
            self._break(fault)

    def fail_unforeseen(self, fault: Exception) -> None:
        """End the slice here; its lane is not to be relied on any more."""
        self.fail(DuologueError("its session is at fault"))
        self._break(fault)

    def result(self) -> SliceResult:
        work = self.run.work
        return SliceResult(
            session_id=work.session_id,
            epoch=work.epoch,
            tick=work.tick,
            steps=tuple(self.run.steps),
            judgement=self.run.judgement,
            num_forwards=self.num_forwards,
            num_rows=self.num_rows,
            error=self._error,
        )

    def _advance(self, outcome: ForwardOutcome | None) -> None:
        try:
            self.demand = next(self._slicing) if outcome is None else self._slicing.send(outcome)
        except StopIteration:
            self.demand = Demand()
        except DuologueError as error:
            self._error = error
            self.demand = Demand()
        except Exception as fault:
            self._break(fault)

    def _break(self, fault: Exception) -> None:
        """The others of the same forward are not to suffer from it."""
        log.error("a slice broke", exc_info=fault)
        self._error = SliceBroken(f"{type(fault).__name__}: {fault}")
        self.demand = Demand()
