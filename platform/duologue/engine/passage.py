"""A passage: one job's rows in one merged forward."""

from collections.abc import Sequence
from dataclasses import dataclass

from duologue.engine.job import Job
from duologue.errors import KVMemoryExhausted
from duologue.forward.rows import Stretch
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.kv.slot import Slot


@dataclass(frozen=True, slots=True)
class Passage:
    """Rows of a job's trunk and channels, and what their last ones tell."""

    job: Job
    stretches: tuple[Stretch, ...]

    @property
    def num_rows(self) -> int:
        return sum(len(stretch.tokens) for stretch in self.stretches)

    @property
    def reads_state(self) -> bool:
        return any(stretch.reads_hidden for stretch in self.stretches)

    def enter_cells(self) -> None:
        """The forward is done: the lane's channels have these cells now."""
        for stretch in self.stretches:
            self.job.seat.lane.channel(stretch.channel).cells.extend(stretch.cells)


@dataclass(frozen=True, slots=True)
class _RowsPart:
    channel: Channel
    num_rows: int
    is_whole: bool


def plan_passage(job: Job, memory: KVMemory, max_rows: int) -> Passage:
    """As much of what the job demands as `max_rows` allow; raises `KVMemoryExhausted`.

    Channel rows see the whole trunk, so they must wait for its last row. The output goes before
    the input: one token of a reply is not to wait for a long prefill.
    """
    assert max_rows > 0, max_rows
    slot = job.seat.settle(memory)  # which may find a beginning of the trunk computed
    job.seat.looks_ahead |= job.run.work.look_ahead_tokens > 0
    leaves_early = job.seat.adapts_input and not job.run.work.look_ahead_tokens
    if not leaves_early:
        job.seat.give_up_low_cells()
    parts = _parts(job, max_rows)
    cells = _take(job, slot, memory, sum(part.num_rows for part in parts))
    stretches = []
    for part in parts:
        lane, own = job.seat.lane, job.seat.lane.channel(part.channel)
        begin, end = own.num_cached, own.num_cached + part.num_rows
        reads_state = part.is_whole and part.channel is Channel.INPUT
        reads_reply = part.is_whole and part.channel is Channel.OUTPUT
        stretch = Stretch(
            slot=slot,
            channel=part.channel,
            tokens=own.tokens[begin:end],
            cells=cells[: part.num_rows],
            first_position=lane.first_position(part.channel) + begin,
            reads_logits=reads_reply or (reads_state and job.demand.look_ahead),
            reads_hidden=reads_state,
            leaves_early=leaves_early and _is_only_listened_to(job, part.channel, begin),
        )
        if stretch.leaves_early:
            job.seat.low_channels.add(part.channel)
        del cells[: part.num_rows]
        stretches.append(stretch)
    return Passage(job, tuple(stretches))


def _is_only_listened_to(job: Job, channel: Channel, begin: int) -> bool:
    """Whether a channel's cells from there on are seen by nothing but rows that are judged.

    The trunk is, where nobody speaks; not its opening, which may be shared with those who do.
    """
    if channel is not Channel.TRUNK:
        return channel is Channel.INPUT
    reads_top = job.seat.strategy.speaks or job.seat.looks_ahead
    return not reads_top and begin >= job.seat.lane.num_opening_tokens


def _take(job: Job, slot: Slot, memory: KVMemory, count: int) -> list[int]:
    """Cells for the job's rows. What may only come back keeps its own while there is room: it can
    be computed again."""
    try:
        return memory.take(slot, count)
    except KVMemoryExhausted:
        if not job.seat.lane.drop_spare_cells():
            raise
        return memory.take(slot, count)


def _parts(job: Job, max_rows: int) -> Sequence[_RowsPart]:
    demand = job.demand
    wanted = [Channel.TRUNK]
    wanted += [Channel.OUTPUT] if demand.speak else []
    wanted += [Channel.INPUT] if demand.listen else []
    parts, room = [], max_rows
    for channel in wanted:
        missing = job.seat.lane.channel(channel).num_uncached
        num_rows = min(missing, room)
        if num_rows:
            parts.append(_RowsPart(channel, num_rows, num_rows == missing))
            room -= num_rows
        if num_rows < missing and channel is Channel.TRUNK:
            break
    return parts
