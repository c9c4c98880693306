"""The engine: takes slices of many sessions, runs merged forwards, gives back results."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from duologue.engine.job import Job
from duologue.engine.openings import Openings
from duologue.engine.order import usual_order
from duologue.engine.passage import Passage, plan_passage
from duologue.engine.readers import GREEDY, Readers
from duologue.engine.seat import Seat
from duologue.engine.turns import Order, Turns, Wish
from duologue.errors import InvalidInput, KVMemoryExhausted, StaleEpoch, UnknownSession
from duologue.forward.merged import MergedForward
from duologue.forward.rows import Stretch
from duologue.forward.sampling_rows import TokenRequests
from duologue.forward.state_head import StateHead
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory, Opening
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.model.loading import LoadedModel
from duologue.strategies.base import Strategy
from duologue.text.detokenizer import shows_text

A_TOKEN = TokenRequests([GREEDY], [(0, 0)], [()])
WARM_UP_ROWS = (1, 2, 5, 16, 48)
"""Rows of forwards as they come: a token, two channels, a reply's header, many sessions."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Limits of an engine."""

    kv_bytes: int = 4 << 30
    host_bytes: int = 0
    """Of the host's memory, for the cells of sessions that rest."""
    max_rows: int = 512
    """Rows of one forward at the most."""
    prefill_chunk_rows: int = 128
    """Rows that one session puts into a forward at the most, so that a long prefill does not
    stall the others."""


class Engine:
    """Many sessions on one model. Not thread-safe: one thread submits, forwards and closes.

    `submit` takes a slice at any time, also between two forwards of others; each `forward` runs one
    merged forward for all slices under way and returns those that are done.
    """

    def __init__(
        self,
        model: LoadedModel,
        head: StateHead | None,
        settings: EngineSettings | None = None,
    ) -> None:
        self.settings = settings or EngineSettings()
        self.memory = KVMemory(
            model.geometry,
            budget_bytes=self.settings.kv_bytes,
            host_bytes=self.settings.host_bytes,
            device=model.device,
            dtype=model.dtype,
        )
        self._openings = Openings(self.memory)
        self.num_forwards = 0
        self.num_rows = 0
        self.turns: Turns | None = None
        """Who goes first where not all rows can ride; without it, all do as far as they fit."""
        layers = head.layers if head is not None else (-1,)
        lora = head.lora if head is not None else None
        self._adapts_input = lora is not None
        kernels = model.kernels.kernels
        self._merged = MergedForward(model.network, self.memory, layers, lora, kernels)
        self._readers = Readers(head)
        self._shows = partial(shows_text, model.tokenizer)
        self._seats: dict[str, Seat] = {}
        self._jobs: dict[str, Job] = {}
        self._done: list[SliceResult] = []

    @property
    def has_work(self) -> bool:
        return bool(self._jobs or self._done)

    @property
    def num_sessions(self) -> int:
        return len(self._seats)

    @property
    def num_jobs(self) -> int:
        """Slices under way."""
        return len(self._jobs)

    def open(
        self,
        session_id: str,
        epoch: int,
        lane: Lane,
        profile: LaneProfile,
        strategy: Strategy,
        shares_among: str | None = None,
    ) -> None:
        """Seat a session with its lane, new or replayed from its journal; costs nothing yet.

        The cells of its opening are shared with the sessions that have the same `shares_among`.

        A newer epoch takes over from an older one. Raises StaleEpoch for one that is not newer, and
        InvalidInput if the strategy needs a state head and there is none.
        """
        if strategy.judges and not self._readers.can_judge:
            raise InvalidInput(f"strategy '{strategy.name}' needs a state adapter; there is none")
        present = self._seats.get(session_id)
        if present is not None:
            if epoch <= present.epoch:
                raise StaleEpoch(
                    f"session {session_id} is seated under epoch {present.epoch}, not {epoch}"
                )
            self._remove(present)
        opening = None
        if shares_among is not None:
            opening = Opening(shares_among, tuple(lane.trunk.tokens[: lane.num_opening_tokens]))
        self._seats[session_id] = Seat(
            session_id,
            epoch,
            lane,
            profile,
            strategy,
            adapts_input=self._adapts_input,
            opening=opening,
        )

    def close(self, session_id: str, epoch: int) -> None:
        """Forget a session; a slice of it that is under way is dropped, and so is its result."""
        self._remove(self._seat(session_id, epoch))

    def rest(self, session_id: str, epoch: int) -> None:
        """Give up a session's cells, or move them to the host's memory where there is room.

        Without them, its next slice computes what it needs again.
        """
        seat = self._seat(session_id, epoch)
        if session_id in self._jobs:
            raise InvalidInput(f"session {session_id} cannot rest while a slice is under way")
        seat.rest(self.memory)

    def change(self, session_id: str, epoch: int, profile: LaneProfile) -> None:
        """From its next slice on, a session has other ways."""
        self._seat(session_id, epoch).profile = profile

    def lane(self, session_id: str) -> Lane:
        """The lane of a session, to look at."""
        return self._known(session_id).lane

    def num_cells_held(self, session_ids: Sequence[str]) -> int:
        """Cells in the blocks of the device that these sessions hold together."""
        slots = (self._known(each).slot for each in session_ids)
        blocks = {block for slot in slots if slot is not None for block in slot.blocks}
        return len(blocks) * CELLS_PER_BLOCK

    def submit(self, work: Slice) -> None:
        """Start a slice; its first rows ride in the next forward.

        Raises UnknownSession, StaleEpoch, or InvalidInput if the session's last slice is not done.
        """
        seat = self._seat(work.session_id, work.epoch)
        if work.session_id in self._jobs:
            raise InvalidInput(f"session {work.session_id} has a slice under way already")
        job = Job(seat, work, self._shows)
        if job.is_over:
            self._done.append(job.result())
        else:
            self._jobs[work.session_id] = job

    def forward(self) -> list[SliceResult]:
        """Run one merged forward for all slices under way; returns the slices that are done."""
        passages = self._gather()
        if passages:
            self._run(passages)
        self._collect()
        done, self._done = self._done, []
        return done

    def run(self) -> list[SliceResult]:
        """Run forwards until every slice is done."""
        results = []
        while self.has_work:
            results.extend(self.forward())
        return results

    def warm_up(self) -> None:
        """Run forwards that nobody reads: kernels are set up before the first user waits."""
        self._merged.prepare(self.settings.max_rows)
        self._rehearse(WARM_UP_ROWS)

    def probe(self) -> None:
        """Run the smallest forward, which nobody reads: whether the device still computes.

        Raises KVMemoryExhausted when there is no room for its one cell.
        """
        self._rehearse((1,))

    def _rehearse(self, sizes: Sequence[int]) -> None:
        slot, _ = self.memory.open()
        try:
            for num_rows in sizes:
                cells = self.memory.take(slot, num_rows)
                tokens = [0] * num_rows
                stretch = Stretch(slot, Channel.TRUNK, tokens, cells, 0, True, True)
                self._merged.start([stretch], A_TOKEN, self._readers.head).result()
                self.memory.free(slot, cells)
        finally:
            self.memory.close(slot)

    def check_integrity(self) -> None:
        """Assert that the memory shows just the cells that the lanes believe to have."""
        self.memory.check_integrity(
            {
                seat.slot: dict(seat.lane.labelled_cells())
                for seat in self._seats.values()
                if seat.slot is not None
            }
        )

    def _gather(self) -> list[Passage]:
        passages = []
        order = self._order()
        room = order.max_rows
        for session_id, most in order.turns:
            job = self._jobs[session_id]
            if room == 0:
                break
            if self._openings.must_wait(job):
                continue
            try:
                passage = plan_passage(job, self.memory, min(room, most))
            except KVMemoryExhausted as error:
                job.fail(error)
                # Its slot may be what others wait for, or what itself could grow into.
                job.seat.make_room(self.memory)
                continue
            except Exception as fault:
                job.fail_unforeseen(fault)
                continue
            if not passage.stretches:
                job.find_computed()
                continue
            passages.append(passage)
            room -= passage.num_rows
        return passages

    def _order(self) -> Order:
        if self.turns is not None and self.turns.are_contested:
            jobs = self._jobs.items()
            wishes = [Wish(key, job.num_wanted_rows, job.num_wanted_forwards) for key, job in jobs]
            if (order := self.turns.choose(wishes)) is not None:
                return order
        return usual_order(self._jobs, self.settings.max_rows, self.settings.prefill_chunk_rows)

    def _run(self, passages: Sequence[Passage]) -> None:
        stretches = [stretch for passage in passages for stretch in passage.stretches]
        requests = self._readers.requests(passages)
        running = self._merged.start(stretches, requests, self._readers.head)
        self.num_forwards += 1
        self.num_rows += sum(passage.num_rows for passage in passages)
        if self.turns is not None:
            self.turns.carried({each.job.seat.session_id: each.num_rows for each in passages})
        for passage in passages:
            passage.enter_cells()
        self._openings.computed([passage.job for passage in passages])
        outcomes = self._readers.outcomes(passages, running.result())
        for passage, outcome in zip(passages, outcomes, strict=True):
            passage.job.take(outcome, passage.num_rows)

    def _collect(self) -> None:
        for session_id, job in list(self._jobs.items()):
            if job.is_over:
                del self._jobs[session_id]
                self._openings.forget(job)
                self._done.append(job.result())

    def _seat(self, session_id: str, epoch: int) -> Seat:
        seat = self._known(session_id)
        if epoch != seat.epoch:
            raise StaleEpoch(
                f"session {session_id} is seated under epoch {seat.epoch}, not {epoch}"
            )
        return seat

    def _known(self, session_id: str) -> Seat:
        seat = self._seats.get(session_id)
        if seat is None:
            raise UnknownSession(f"session {session_id} is not seated at this engine")
        return seat

    def _remove(self, seat: Seat) -> None:
        job = self._jobs.pop(seat.session_id, None)
        if job is not None:
            self._openings.forget(job)
        self._done = [result for result in self._done if result.session_id != seat.session_id]
        del self._seats[seat.session_id]
        seat.vacate(self.memory)
