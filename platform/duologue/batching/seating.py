"""Seats at an engine: who may take one, and what becomes of it."""

import logging
from collections.abc import Sequence
from typing import Protocol

from duologue.batching.cell_quota import CellQuota
from duologue.batching.messages import Change, Dismiss, GiveCells, Take
from duologue.batching.model_limits import ModelLimits
from duologue.batching.roster import Roster, Sitting
from duologue.engine.turns import Turns
from duologue.errors import CapacityExceeded, InvalidInput
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.settings import SharingName
from duologue.strategies.base import Strategy
from duologue.text.chat import ChatFormat

log = logging.getLogger(__name__)


class MergedEngine(Protocol):
    """What is needed of `duologue.engine.Engine`; it belongs to one thread."""

    num_forwards: int
    num_rows: int
    turns: Turns | None

    @property
    def has_work(self) -> bool: ...
    def open(
        self,
        session_id: str,
        epoch: int,
        lane: Lane,
        profile: LaneProfile,
        strategy: Strategy,
        shares_among: str | None = None,
    ) -> None: ...
    def close(self, session_id: str, epoch: int) -> None: ...
    def rest(self, session_id: str, epoch: int) -> None: ...
    def change(self, session_id: str, epoch: int, profile: LaneProfile) -> None: ...
    def lane(self, session_id: str) -> Lane: ...
    def num_cells_held(self, session_ids: Sequence[str]) -> int: ...
    def submit(self, work: Slice) -> None: ...
    def forward(self) -> list[SliceResult]: ...
    def probe(self) -> None: ...


class Seating:
    """Keeps the engine's seats and the roster of those who sit on them the same."""

    def __init__(
        self,
        engine: MergedEngine,
        chat: ChatFormat,
        limits: ModelLimits,
        max_sessions: int,
        share_prefixes: SharingName = "tenant",
    ) -> None:
        self.engine = engine
        self.roster = Roster()
        self.max_sessions = max_sessions
        self.is_draining = False
        """Whether nobody is seated any more."""
        self._chat = chat
        self._limits = limits
        self._share_prefixes = share_prefixes
        self.cell_quota = CellQuota(engine, self.roster, self.give_cells)

    def take(self, take: Take, *, admits: bool) -> Sitting | None:
        """Seat a session; returns who lost the seat by it.

        A session that had a seat, here or elsewhere, is seated whatever the load, but not where
        sessions are sent away. Raises StaleEpoch, CapacityExceeded or InvalidInput, and then
        nothing has changed.
        """
        if self.roster.at(take.stream) is not None:
            raise InvalidInput(
                "must be the first message of a stream, and the only one", field="take_seat"
            )
        self.roster.check_epoch(take.key, take.epoch)
        self._limits.check_strategy(take.strategy)
        self._limits.check_lane(take.lane)
        self._limits.check_profile(take.profile)
        lane = take.lane.lane(self._chat)
        present = self.roster.of(take.key)
        if present is None:
            self._check_room(admits or take.had_seat)
            if not take.had_seat:
                limit = take.max_tenant_cells
                self.cell_quota.check_seat(take.tenant_id, limit, lane.num_tokens)
        else:
            self.leave(present)
        self._open(take, lane)
        self.roster.add(take)
        return present

    def leave(self, sitting: Sitting) -> None:
        """Give a seat up, with its cells and the slice under way. This always succeeds: a fault on
        the way concerns a session that is gone."""
        self.roster.remove(sitting)
        try:
            self.engine.close(sitting.key, sitting.epoch)
        except Exception:
            log.exception("a seat could not be given up in good order")

    def those_who_can_go(self, dismiss: Dismiss) -> list[Sitting]:
        """Sessions that are not in the middle of a slice, those that are silent first."""
        idle = [sitting for sitting in self.roster if not sitting.is_busy]
        speaking = [sitting for sitting in idle if self.engine.lane(sitting.key).is_speaking]
        silent = [sitting for sitting in idle if sitting not in speaking]
        return (silent + speaking * dismiss.also_speaking)[: dismiss.num_sessions]

    def change(self, sitting: Sitting, change: Change) -> None:
        """Other ways from the next slice on; raises InvalidInput."""
        self._limits.check_profile(change.profile)
        self.engine.change(sitting.key, sitting.epoch, change.profile)
        sitting.profile = change.profile

    def give_cells(self, sitting: Sitting, _: GiveCells | None = None) -> None:
        """Take a seat's cells back; raises InvalidInput while a slice is under way."""
        self.engine.rest(sitting.key, sitting.epoch)
        sitting.may_have_cells = False

    def check_slice(self, work: Slice) -> None:
        """Raise InvalidInput for a slice that no lane of this model can take."""
        self._limits.check_slice(work)

    def note_lane(self, sitting: Sitting) -> None:
        """Remember the lane as it is, to be able to return to it."""
        sitting.before = LaneState.of(self.engine.lane(sitting.key))

    def reset(self, sitting: Sitting) -> None:
        """Put the lane back to where the slice under way began; its cells are gone."""
        assert sitting.before is not None, "no slice is under way"
        self.engine.close(sitting.key, sitting.epoch)
        lane = sitting.before.lane(self._chat)
        self._open(sitting, lane)
        sitting.may_have_cells = False

    def reclaim_cells(self) -> bool:
        """Take the cells back of the session that has not used its for longest, if there is one."""
        idle = [
            sitting for sitting in self.roster if sitting.may_have_cells and not sitting.is_busy
        ]
        if not idle:
            return False
        longest = min(idle, key=lambda sitting: sitting.used_ms)
        try:
            self.give_cells(longest)
        except Exception:
            log.exception("cells could not be taken back in good order")
            longest.may_have_cells = False
        return True

    def _open(self, who: Take | Sitting, lane: Lane) -> None:
        scopes = {"tenant": who.tenant_id, "everyone": "", "none": None}
        among = scopes[self._share_prefixes]
        self.engine.open(who.key, who.epoch, lane, who.profile, who.strategy, among)

    def _check_room(self, admits: bool) -> None:
        if self.is_draining:
            raise CapacityExceeded("this batching actor is being drained and seats nobody")
        if len(self.roster) >= self.max_sessions:
            raise CapacityExceeded(
                f"all {self.max_sessions} seats of this batching actor are taken"
            )
        if not admits:
            raise CapacityExceeded(
                "this batching actor is overloaded and seats no new sessions now"
            )
