"""The stage: plays a schedule on a real engine and keeps what came of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from duologue.engine.engine import Engine, EngineSettings
from duologue.errors import InvalidInput
from duologue.kv.channel import Channel
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Heard, Slice, SliceResult
from duologue.lane.state import AsideState, LaneState
from duologue.lane.steps import (
    EndReason,
    Hear,
    Ignore,
    Promote,
    Promotion,
    Reopen,
    Resume,
    Step,
)
from duologue.states import State
from duologue.strategies.base import Strategy
from duologue.strategies.duo import DuoStrategy
from duologue.strategies.listen import ListenStrategy
from duologue.strategies.tdm import TdmStrategy
from duologue.strategies.turn import TurnStrategy
from duologue.text.token_edit import TokenEdit
from tests.rules.schedules import Action, Disturbance, Plan, Report, Schedule
from tests.rules.witness import Witness
from tests.rules.worlds import JUDGE, LinearHead, World, as_head

STRATEGIES: dict[str, Strategy] = {
    "duo": DuoStrategy(),
    "tdm": TdmStrategy(),
    "turn": TurnStrategy(),
    "listen": ListenStrategy(),
}
INSTRUCTIONS = tuple(30 + number % 7 * 11 for number in range(80))
"""Of which openings have more or less."""
AMPLE_CELLS = 32768
MAX_FORWARDS = 3000
"""More in one tick means that a slice does not end."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A session after one of its slices."""

    tick: int
    result: SliceResult
    trunk: tuple[int, ...]
    input: tuple[int, ...]
    output: tuple[int, ...]
    phase: ReplyPhase
    num_replies: int
    reply_number: int
    aside: AsideState | None

    @property
    def state(self) -> State:
        """What was decided; not to judge again is the same as to find nothing new."""
        judgement = self.result.judgement
        return State.INCOMPLETE if judgement is None else judgement.state

    @property
    def lane(self) -> tuple[object, ...]:
        """All that a session is, but for its cells."""
        tokens = (self.trunk, self.input, self.output)
        return (*tokens, self.phase, self.num_replies, self.reply_number, self.aside)


@dataclass(slots=True)
class Actor:
    """Plays one session as its owner would: with a journal, and a view of its own."""

    engine: Engine
    world: World
    plan: Plan
    epoch: int = 0
    journal: list[Step] = field(default_factory=list)
    utterance: list[int] = field(default_factory=list)
    last_utterance: list[int] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    tick: int = -1
    is_crashing: bool = False
    losses: Counter[str] = field(default_factory=Counter)
    """What was going on when the session lost its cells."""

    @property
    def lane(self) -> Lane:
        return self.engine.lane(self.plan.name)

    @property
    def last_tick(self) -> int:
        return self.plan.first_tick + len(self.plan.actions) - 1

    def act(self, tick: int) -> Action | None:
        """What this tick brings, None if nothing; opens and closes the session in time."""
        if tick == self.last_tick + 1:
            self.engine.close(self.plan.name, self.epoch)
        if not self.plan.first_tick <= tick <= self.last_tick:
            return None
        if tick == self.plan.first_tick:
            self.seat()
        self.tick = tick
        action = self.plan.actions[tick - self.plan.first_tick]
        if action.disturbance is not None:
            self._count_loss(action.disturbance)
        if action.disturbance is Disturbance.REST:
            self.engine.rest(self.plan.name, self.epoch)
        if action.disturbance is Disturbance.REPLAY:
            self.seat()
        return None if action.is_absent else action

    def seat(self) -> None:
        """Sit down under a new epoch, with a lane that the journal gives."""
        self.epoch += 1
        plan = self.plan
        profile = LaneProfile(
            judge=JUDGE,
            stop_tokens=self.world.stop_tokens,
            promotion=plan.promotion,
            sampling=plan.sampling,
            max_reply_tokens=plan.max_reply_tokens,
            context_limit_tokens=plan.context_limit_tokens + plan.num_instruction_tokens,
            idle_token=plan.idle_token,
        )
        opening = (*self.world.opening, *INSTRUCTIONS[: plan.num_instruction_tokens])
        steps = [*plan.earlier, *self.journal]
        lane = Lane.replay(self.world.model.chat, opening, steps)
        strategy = STRATEGIES[plan.strategy]
        self.engine.open(plan.name, self.epoch, lane, profile, strategy, plan.shares_among)

    def submit(self, action: Action) -> None:
        self.is_crashing = action.disturbance is Disturbance.CRASH
        plan = self.plan
        reopens = self._reopens(action)
        self.engine.submit(
            Slice(
                session_id=plan.name,
                epoch=self.epoch,
                tick=self.tick,
                reopens=reopens,
                edit=self._edit(action, self.last_utterance if reopens else self.utterance),
                patience=action.patience,
                heard=self._heard(action.report, reopens),
                conclude=EndReason.CANCELLED if action.concludes and not reopens else None,
                holds_reply=plan.holds_reply,
                amends=None if reopens else self._amends(action.amends),
                sets_aside=plan.sets_aside and STRATEGIES[plan.strategy].takes_back,
                pauses=action.pauses,
                settles=action.settles,
                notes=action.notes,
                given=action.given,
                begins=action.begins and not reopens and self.lane.phase is ReplyPhase.NONE,
                returns_early=plan.returns_early,
                reply_tokens=plan.reply_tokens,
                look_ahead_tokens=0 if self._sheds else plan.look_ahead_tokens,
            )
        )

    @property
    def _sheds(self) -> bool:
        return self.plan.sheds_look_ahead and self.tick % 2 == 1

    def crash(self, action: Action) -> None:
        """Lose the slice under way and everything else but the journal, and do it again."""
        self.is_crashing = False
        self.seat()
        self.submit(action)
        self.is_crashing = False

    def take(self, result: SliceResult) -> None:
        """Write the journal, and keep the view of the user's utterance by it."""
        is_refused = isinstance(result.error, InvalidInput)
        assert not is_refused or "context" in str(result.error), result.error
        for step in result.steps:
            if isinstance(step, Hear):
                self.utterance = [*self.utterance[: step.keep], *step.append]
            elif isinstance(step, Reopen):
                self.utterance = self.last_utterance
            elif isinstance(step, Promote):
                self.last_utterance, self.utterance = self.utterance, []
            elif isinstance(step, Ignore) or step == Resume(is_decided=True):
                self.utterance = []
        self.journal.extend(result.steps)
        lane = self.lane
        self.moments.append(
            Moment(
                tick=self.tick,
                result=result,
                trunk=tuple(lane.trunk.tokens),
                input=tuple(lane.input.tokens),
                output=tuple(lane.output.tokens),
                phase=lane.phase,
                num_replies=lane.num_replies,
                reply_number=lane.reply_number,
                aside=LaneState.of(lane).aside,
            )
        )

    def _count_loss(self, disturbance: Disturbance) -> None:
        lane = self.lane
        self.losses["lost during a slice"] += disturbance is Disturbance.CRASH
        self.losses["lost while listening"] += lane.is_listening
        self.losses["lost while speaking"] += lane.is_speaking
        self.losses["lost with a held reply"] += lane.phase is ReplyPhase.FINISHED

    def _reopens(self, action: Action) -> bool:
        takes_back = STRATEGIES[self.plan.strategy].takes_back
        return action.reopens and takes_back and self.lane.can_reopen

    def _edit(self, action: Action, utterance: Sequence[int]) -> TokenEdit | None:
        if action.edit is None:
            return None
        keep = int(len(utterance) * action.edit.keep_share)
        return TokenEdit(keep, action.edit.append)

    def _heard(self, report: Report | None, reopens: bool) -> Heard | None:
        if report is None:
            return None
        lane = self.lane
        num_tokens = lane.num_aside_tokens if reopens else lane.num_reply_tokens
        return Heard(int(num_tokens * report.keep_share), report.tail)

    def _amends(self, report: Report | None) -> Heard | None:
        if report is None or self.lane.aside is None or not self._can_amend:
            return None
        return Heard(int(self.lane.num_aside_tokens * report.keep_share), report.tail)

    @property
    def _can_amend(self) -> bool:
        """What was cut by `branch` leaves nothing to amend."""
        return self.plan.promotion is Promotion.REBASE


@dataclass(slots=True)
class Performance:
    """Everything that a schedule came to."""

    actors: dict[str, Actor]
    witness: Witness

    def narrowest_choice(self, name: str, last_tick: int) -> float:
        """How close the model or the head came to choosing otherwise, as far as it may show now.

        A reply's token shows in its own tick. Of what was read of an utterance, silence may decide
        later.
        """
        return min(
            (
                margin
                for (who, tick, channel), margin in self.witness.margins.items()
                if who == name
                and (tick == last_tick or (tick < last_tick and channel is Channel.INPUT))
            ),
            default=1.0,
        )

    def moments(self, name: str) -> list[Moment]:
        return self.actors[name].moments


def play(
    schedule: Schedule,
    world: World,
    *,
    kv_bytes: int | None = None,
    checks_memory: bool = True,
) -> Performance:
    """Run the schedule; after every forward the memory must show what the lanes say."""
    head = LinearHead(schedule.mood, schedule.layers, world.hidden_size, world.lora)
    engine = _engine(world, schedule, head, kv_bytes or AMPLE_CELLS * world.cell_bytes)
    witness = Witness(engine, head)
    actors = {plan.name: Actor(engine, world, plan) for plan in schedule.plans}
    performance = Performance(actors, witness)
    with witness.watching():
        for tick in range(schedule.num_ticks + 1):
            _play_tick(engine, performance, tick, checks_memory)
    assert engine.num_sessions == 0
    assert not checks_memory or engine.memory.num_slots == 0
    return performance


def _engine(world: World, schedule: Schedule, head: LinearHead, kv_bytes: int) -> Engine:
    settings = EngineSettings(
        kv_bytes=kv_bytes,
        max_rows=schedule.limits.max_rows,
        prefill_chunk_rows=schedule.limits.prefill_chunk_rows,
    )
    return Engine(world.model, as_head(head), settings)


def _play_tick(engine: Engine, performance: Performance, tick: int, checks_memory: bool) -> None:
    acting = [(actor, actor.act(tick)) for actor in performance.actors.values()]
    waiting = [(actor, action) for actor, action in acting if action is not None]
    crashing = []
    num_forwards = 0
    while waiting or engine.has_work:
        assert num_forwards < MAX_FORWARDS, "a slice does not end"
        for actor, action in list(waiting):
            if action.delay_forwards <= num_forwards or not engine.has_work:
                actor.submit(action)
                waiting.remove((actor, action))
                crashing += [(actor, action)] if actor.is_crashing else []
        results = engine.forward()
        if checks_memory:
            engine.check_integrity()
        num_forwards += 1
        for result in results:
            actor = performance.actors[result.session_id]
            assert result.epoch == actor.epoch
            actor.take(result)
            crashing = [(one, action) for one, action in crashing if one is not actor]
        for actor, action in crashing:
            actor.crash(action)
        crashing = []


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with a single thread for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
