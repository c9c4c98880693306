"""Where telemetry looks on; the loop does not know what becomes of it."""

from collections.abc import Mapping

from duologue.batching.load_plan import Load, LoadPlan
from duologue.batching.roster import Sitting
from duologue.batching.tenant_turns import Served
from duologue.batching.tick_account import TickRecord
from duologue.lane.slices import SliceResult


class LoopObserver:
    """Is told what the loop does, on the loop's thread; this one does nothing about it."""

    def forward_over(self, took_ms: float, num_rows: int) -> None:
        """A merged forward has ended."""

    def slice_over(self, sitting: Sitting, result: SliceResult, now_ms: float) -> None:
        """A slice is done; `sitting.work` is still that slice."""

    def tenants_served(self, served: Mapping[str, Served]) -> None:
        """What became of the tenants that had slices under way since this was told last."""

    def cells_reclaimed(self) -> None:
        """Memory had run out, and an idle session's cells were taken back."""

    def tick_began(self, load: Load) -> None:
        """The loop has looked at the clock: this is how it stands at the start of a tick."""

    def tick_over(self, record: TickRecord, plan: LoadPlan) -> None:
        """A tick is over and all of its slices are done."""
