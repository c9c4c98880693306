"""The loop of a batching actor: commands in, merged forwards, answers out.

Gather, forward, scatter: forwards run as long as slices are under way, and wait a little where that
brings more together (`duologue.batching.pacing`). A slice that comes meanwhile joins the next
forward. Each is answered after the forward that ends it, whoever else is still under way.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from duologue.batching.command_queue import CommandQueue
from duologue.batching.forward_health import ForwardHealth
from duologue.batching.load_plan import RECENT_TICKS, Load, LoadPlan, next_plan
from duologue.batching.messages import (
    Answer,
    Change,
    Command,
    Delivery,
    Dismiss,
    GiveCells,
    Seated,
    Stream,
    StreamEnded,
    Take,
    Unseated,
    Work,
)
from duologue.batching.observer import LoopObserver
from duologue.batching.pacing import ForwardSharers, Pacing
from duologue.batching.refusals import internal, overtaken, refusal
from duologue.batching.roster import Sitting
from duologue.batching.seating import Seating
from duologue.batching.tenant_turns import TenantTurns
from duologue.batching.tick_account import TickAccount
from duologue.clock import Clock, TickClock
from duologue.cluster_status import Shedding
from duologue.errors import BatcherUnavailable, DuologueError, InvalidInput, KVMemoryExhausted
from duologue.lane.slices import Slice, SliceBroken, SliceResult
from duologue.service_settings import BatchingSettings

log = logging.getLogger(__name__)

Deliver = Callable[[Sequence[Delivery]], None]
"""deliver(deliveries): takes answers, those of one forward together; called on the loop's thread,
and not to wait."""


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """How the loop stands, for others to read at any time."""

    load: Load
    late_tick_share: float = 0.0
    """Share of recent ticks with slices that missed their deadline."""
    num_ticks: int = 0
    """Ticks with slices, since the start."""
    num_late_ticks: int = 0
    tick_slack: float = 1.0
    """What the longest slices of recent ticks left of the time that they had, as a share."""
    mean_tick_ms: float = 0.0
    """What the longest slice of a recent tick took, on average."""
    longest_tick_ms: float = 0.0
    rows_per_forward: float = 0.0


class BatchLoop:
    """Owns the engine; `post` may be called from any thread, everything else from the loop's."""

    def __init__(
        self,
        seating: Seating,
        clock: Clock,
        ticks: TickClock,
        settings: BatchingSettings,
        deliver: Deliver,
        *,
        timer: Callable[[], float] = time.perf_counter,
        observer: LoopObserver | None = None,
        turns: TenantTurns | None = None,
    ) -> None:
        """Without `turns`, slices go first in their order, whosever they are."""
        self.queue = CommandQueue(max_commands=64 + 4 * settings.max_sessions)
        self.clock = clock
        self.forward_health = ForwardHealth(settings.healthy_within_ms, clock.now_ms())
        self.plan = LoadPlan()
        self.account = TickAccount(ticks)
        self._seating = seating
        self._engine = seating.engine
        self._ticks = ticks
        self._pacing = Pacing(ticks, settings.gather_ms)
        self._deliver = deliver
        self._timer = timer
        self._observer = observer or LoopObserver()
        self._turns = self._engine.turns = turns
        self._settles_at_ms = 0.0
        self._answers: list[Delivery] = []
        self._is_stopping = False
        self.status = LoopStatus(self._load())

    @property
    def num_seated(self) -> int:
        """Sessions that sit here at this moment; may be asked from any thread."""
        return len(self._seating.roster)

    def post(self, command: Command) -> None:
        """Hand in a command, from any thread; raises CapacityExceeded when too many wait."""
        self.queue.put(command)

    def run(self) -> None:
        """Work until `stop`; then everybody loses the seat."""
        while not self._is_stopping:
            patience_ms = self.patience_ms()
            if patience_ms > 0:
                self.queue.wait(patience_ms, at_least=self._num_awaited())
            self.run_once()
        for sitting in self._seating.roster:
            self._unseat(sitting, BatcherUnavailable("the batching actor is being stopped"))
        self._settle(self._settles_at_ms)  # the tick that has begun is told of too
        self._flush()

    def drain(self) -> None:
        """Seat nobody from now on, from any thread. Those who sit here stay until `Dismiss`."""
        self._seating.is_draining = True

    def stop(self) -> None:
        """Let `run` return after the present forward, from any thread."""
        self._is_stopping = True
        self.queue.ring()

    def run_once(self) -> None:
        """Take in what came, run a forward if it is time for one, and look at the clock."""
        self._take_in()
        if self._engine.has_work and not self.patience_ms():
            self._forward()
        now_ms = self.clock.now_ms()
        if now_ms >= self._settles_at_ms:
            self._settle(now_ms)
        if now_ms >= self.forward_health.probe_due_ms() and not self._engine.has_work:
            self._probe()
        self._flush()

    def patience_ms(self) -> float:
        """How long nothing has to be done, if no command comes."""
        now_ms = self.clock.now_ms()
        if self._engine.has_work:
            return self._pacing.wait_ms(self._sharers(), self.account.shortest_forward_ms, now_ms)
        return max(0.0, min(self._settles_at_ms, self.forward_health.probe_due_ms()) - now_ms)

    def _num_awaited(self) -> int:
        """Commands worth waking up for."""
        return self._sharers().num_due or 1 if self._engine.has_work else 1

    def _sharers(self) -> ForwardSharers:
        """Who might share the next forward."""
        tick = self._ticks.tick_at(self.clock.now_ms())
        num_under_way = num_due = num_next = 0
        for sitting in self._seating.roster:
            if sitting.is_busy:
                num_under_way += 1
            elif sitting.expected_tick in (tick, tick + 1) and self._is_speaking(sitting):
                num_due += sitting.expected_tick == tick
                num_next += sitting.expected_tick > tick
        return ForwardSharers(num_under_way, num_due, num_next)

    def _is_speaking(self, sitting: Sitting) -> bool:
        return self._engine.lane(sitting.key).is_speaking

    def _take_in(self) -> None:
        for command in self.queue.take():
            if isinstance(command, Take):
                self._take_seat(command)
                continue
            if isinstance(command, Dismiss):
                self._dismiss(command)
                continue
            sitting = self._seating.roster.at(command.stream)
            if sitting is not None:  # otherwise the stream has lost its seat meanwhile
                self._follow(sitting, command)
        self._flush()

    def _take_seat(self, take: Take) -> None:
        present = self._seating.roster.of(take.key)
        answer: Answer
        try:
            self._seating.take(take, admits=self.plan.admits)
            answer = Seated(self._load())
        except DuologueError as error:
            answer = Unseated(error)
        except Exception as error:
            log.exception("a seat could not be taken")
            answer = Unseated(internal("the seat could not be taken", error))
        if present is not None and self._seating.roster.at(present.stream) is not present:
            self._forget_slice(present)
            self._answer(present.stream, Unseated(overtaken(take.epoch)))
        self._answer(take.stream, answer)

    def _dismiss(self, dismiss: Dismiss) -> None:
        for sitting in self._seating.those_who_can_go(dismiss):
            self._unseat(sitting, BatcherUnavailable("the batching actor is being drained"))

    def _follow(self, sitting: Sitting, command: Work | Change | GiveCells | StreamEnded) -> None:
        try:
            match command:
                case Work():
                    self._begin(sitting, command)
                case Change():
                    self._seating.change(sitting, command)
                case GiveCells():
                    self._seating.give_cells(sitting)
                case StreamEnded():
                    self._seating.leave(sitting)
                    self._forget_slice(sitting)
        except DuologueError as error:
            self._unseat(sitting, error)
        except Exception as error:
            log.exception("a session's command failed", extra=_about(sitting))
            self._unseat(sitting, internal("the session could not be followed", error))

    def _begin(self, sitting: Sitting, work: Work) -> None:
        """Start a slice. One that cannot be run is answered at once; a second one is too much."""
        if sitting.is_busy:
            raise InvalidInput(
                "must wait until the result of the one before was sent", field="slice"
            )
        asked = work.slice
        try:
            self._seating.check_slice(asked)
        except InvalidInput as error:
            self._answer(sitting.stream, refusal(sitting, work, error))
            return
        if not self._engine.has_work:
            self._pacing.pause_over(work.taken_ms)
        self.account.slice_taken(work.taken_ms, asked.reply_tokens, asked.look_ahead_tokens)
        self._seating.note_lane(sitting)
        sitting.work, sitting.may_have_cells = work, True
        tick = self._ticks.tick_at(work.taken_ms)
        sitting.asks(tick)
        self._seating.cell_quota.mind(sitting, tick)
        try:
            self._engine.submit(self._trimmed(asked, sitting))
        except DuologueError as error:
            self._finish(sitting, refusal(sitting, work, error))
        except Exception as error:
            log.exception("a slice could not be started", extra=_about(sitting))
            self._take_back(sitting, error)

    def _trimmed(self, asked: Slice, sitting: Sitting) -> Slice:
        """The slice under the present plan, which is for those who ask for too much."""
        is_sparing = self._turns is not None and self._turns.is_sparing(sitting.tenant_id)
        return asked if is_sparing else self.plan.trimmed(asked)

    def _forward(self) -> None:
        started_ms, began_s = self.clock.now_ms(), self._timer()
        num_forwards, num_rows = self._engine.num_forwards, self._engine.num_rows
        try:
            results = self._engine.forward()
        except Exception as error:
            log.exception("a forward failed")
            self._fail(error)
            return
        if self._engine.num_forwards > num_forwards:
            took_ms = (self._timer() - began_s) * 1000
            num_rows = self._engine.num_rows - num_rows
            self.account.forward_done(started_ms, took_ms, num_rows)
            self._observer.forward_over(took_ms, num_rows)
            if self._turns is not None:
                self._turns.took(took_ms)
            self.forward_health.succeeded(self.clock.now_ms())
        for result in results:
            sitting = self._seating.roster.of(result.session_id)
            if sitting is not None and sitting.epoch == result.epoch and sitting.is_busy:
                if isinstance(result.error, SliceBroken):
                    self._take_back(sitting, result.error)
                else:
                    self._finish(sitting, result)
            if isinstance(result.error, KVMemoryExhausted):
                self._reclaim_cells()

    def _finish(self, sitting: Sitting, result: SliceResult) -> None:
        assert sitting.work is not None
        now_ms = self.clock.now_ms()
        self.account.slice_done(sitting.work.taken_ms, now_ms)
        try:
            self._observer.slice_over(sitting, result, now_ms)
        except Exception:
            log.exception("a slice could not be told of", extra=_about(sitting))
        took_ms = now_ms - sitting.work.taken_ms
        sitting.work, sitting.before, sitting.used_ms = None, None, now_ms
        self._answer(sitting.stream, replace(result, took_ms=took_ms))

    def _fail(self, error: Exception) -> None:
        """The forward itself failed: every slice under way is as if it had not begun."""
        self.forward_health.failed(error, self.clock.now_ms())
        for sitting in self._seating.roster:
            if sitting.is_busy:
                self._take_back(sitting, error)

    def _take_back(self, sitting: Sitting, error: Exception) -> None:
        """A slice is as if it had not begun. One whose lane cannot be had back costs the seat: the
        session takes another one, with its own lane."""
        assert sitting.work is not None
        told = internal("the model could not run the slice", error)
        try:
            self._seating.reset(sitting)
        except Exception:
            log.exception("a lane could not be put back", extra=_about(sitting))
            self._unseat(sitting, told)
            return
        self._finish(sitting, refusal(sitting, sitting.work, told))

    def _unseat(self, sitting: Sitting, error: DuologueError) -> None:
        self._seating.leave(sitting)
        self._forget_slice(sitting)
        self._answer(sitting.stream, Unseated(error))

    def _forget_slice(self, sitting: Sitting) -> None:
        """Nobody waits for the slice of a seat that is given up."""
        if sitting.work is not None:
            self.account.slice_dropped(sitting.work.taken_ms)
            sitting.work = None

    def _settle(self, now_ms: float) -> None:
        """A tick is over: account for it, and plan the next one."""
        tick = self._ticks.tick_at(now_ms)
        self._note_overdue(now_ms)
        for record in self.account.settle(now_ms):
            self._observer.tick_over(record, self.plan)
        pressure = self.account.pressure(
            now_ms, since_tick=self.plan.since_tick, recent_ticks=RECENT_TICKS
        )
        before, self.plan = self.plan, next_plan(self.plan, pressure, tick)
        if self.plan is not before:
            log.warning("shedding changes from %s to %s", before, self.plan)
            for sitting in self._seating.roster:
                self._answer(sitting.stream, self._load())
        if self._turns is not None:
            self._turns.is_shedding = self.plan.shedding is not Shedding.NONE
            self._observer.tenants_served(self._turns.settle())
        load = self._load()
        self._observer.tick_began(load)
        self.status = LoopStatus(
            load,
            self.account.late_share,
            self.account.num_ticks,
            self.account.num_late_ticks,
            self.account.slack,
            self.account.mean_tick_ms,
            self.account.longest_tick_ms,
            self.account.rows_per_forward,
        )
        self._settles_at_ms = self._ticks.start_of(tick + 1)

    def _note_overdue(self, now_ms: float) -> None:
        """A slice that hangs is not to be noticed only when it ends."""
        due_ms = now_ms - self._ticks.period_ms
        for sitting in self._seating.roster:
            if sitting.work is not None and sitting.work.taken_ms < due_ms:
                self.account.slice_overdue(sitting.work.taken_ms, now_ms)

    def _probe(self) -> None:
        """Nobody has asked for a forward for long: see whether one would still come to its end."""
        try:
            self._engine.probe()
        except KVMemoryExhausted as error:
            # Sessions that ask for nothing hold all cells: theirs are only a cache.
            if not self._reclaim_cells():
                self.forward_health.failed(error, self.clock.now_ms())
        except Exception as error:
            log.exception("the model does not compute any more")
            self.forward_health.failed(error, self.clock.now_ms())
        else:
            self.forward_health.succeeded(self.clock.now_ms())

    def _reclaim_cells(self) -> bool:
        """Whether an idle session had cells to give."""
        is_freed = self._seating.reclaim_cells()
        if is_freed:
            self._observer.cells_reclaimed()
        return is_freed

    def _load(self) -> Load:
        plan, num_sessions = self.plan, len(self._seating.roster)
        return Load(plan.shedding, num_sessions, plan.max_reply_tokens)

    def _answer(self, stream: Stream, answer: Answer) -> None:
        self._answers.append((stream, answer))

    def _flush(self) -> None:
        if self._answers:
            answers, self._answers = self._answers, []
            self._deliver(answers)


def _about(sitting: Sitting) -> dict[str, str]:
    """Whom an entry of the log is about."""
    return {"session_id": sitting.session_id}
