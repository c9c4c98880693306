"""What a batching actor leaves out when its ticks are late, and when it does so no more."""

from dataclasses import dataclass, replace

from duologue.batching.tick_account import Pressure
from duologue.cluster_status import Shedding
from duologue.lane.slices import Slice

RECENT_TICKS = 8
"""Ticks among which late ones are counted."""

LATE_TICKS = 2
"""So many late ones among them, and more is left out."""

SWAMPED_TICKS = 4
"""So many swamped ones, and new sessions are refused, once nothing else can be left out. A late one
is not enough: among many sessions there is always a slice for which a query was decided just behind
the start of a forward."""

CALM_TICKS = 25
"""So many ticks in a row in time (not swamped, for new sessions), and less is left out."""

MAX_CALM_TICKS = 800
"""The same after it was given back too early time and again: each time it is twice as many."""

PROVEN_TICKS = 200
"""What was given back for so long was not given back too early."""

CALM_SHARE = 0.8
"""Share of a tick that a slice's forwards may take when more of them are given back."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a batching actor is, as sessions are told."""

    shedding: Shedding
    num_sessions: int
    max_reply_tokens: int | None = None
    """Reply tokens in a slice at the most, when it leaves some out."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is left out, from which tick on."""

    shedding: Shedding = Shedding.NONE
    max_reply_tokens: int | None = None
    since_tick: int = 0
    calm_ticks: int = CALM_TICKS
    """Ticks in a row in time until less is left out."""
    is_trial: bool = False
    """Whether less is left out than before."""

    def __post_init__(self) -> None:
        cuts = self.shedding in (Shedding.REPLY_TOKENS, Shedding.ADMISSION)
        assert (self.max_reply_tokens is not None) == cuts, self
        assert self.max_reply_tokens is None or self.max_reply_tokens >= 1, self

    @property
    def admits(self) -> bool:
        """Whether new sessions are seated."""
        return self.shedding is not Shedding.ADMISSION

    def trimmed(self, work: Slice) -> Slice:
        """The slice as it is run under this plan. A reply always goes on by a token at least."""
        if self.shedding is Shedding.NONE:
            return work
        limit = self.max_reply_tokens
        tokens = work.reply_tokens if limit is None else min(work.reply_tokens, limit)
        return replace(work, look_ahead_tokens=0, reply_tokens=tokens)


def next_plan(plan: LoadPlan, pressure: Pressure, tick: int) -> LoadPlan:
    """The plan from `tick` on; the same object when nothing changes.

    `pressure` counts ticks from `plan.since_tick` on, so that each plan is judged by what it did.
    """
    is_late = plan.admits and pressure.num_late >= LATE_TICKS
    num_calm = pressure.num_calm if plan.admits else pressure.num_clear
    if is_late:
        changed, calm_ticks = _leave_out_more(plan, pressure), _more_patience(plan, tick)
    elif num_calm >= plan.calm_ticks:
        changed, calm_ticks = _leave_out_less(plan, pressure), plan.calm_ticks
    else:
        return plan
    if changed is plan:
        return plan
    return replace(changed, since_tick=tick, calm_ticks=calm_ticks, is_trial=not is_late)


def _more_patience(plan: LoadPlan, tick: int) -> int:
    """How long the plan after this one is to be calm: longer, if this one gave back too early."""
    if not plan.is_trial:
        return plan.calm_ticks
    if tick - plan.since_tick >= PROVEN_TICKS:
        return CALM_TICKS
    return min(2 * plan.calm_ticks, MAX_CALM_TICKS)


def _leave_out_more(plan: LoadPlan, pressure: Pressure) -> LoadPlan:
    """A reply is told in time with a token in each tick; what it had before was a lead."""
    match plan.shedding:
        case Shedding.NONE:
            return replace(plan, shedding=Shedding.LOOK_AHEAD)
        case Shedding.LOOK_AHEAD:
            return replace(plan, shedding=Shedding.REPLY_TOKENS, max_reply_tokens=1)
        case Shedding.REPLY_TOKENS if plan.max_reply_tokens != 1:
            return replace(plan, max_reply_tokens=1)
        case Shedding.REPLY_TOKENS if pressure.num_swamped >= SWAMPED_TICKS:
            return replace(plan, shedding=Shedding.ADMISSION)
        case _:
            return plan


def _leave_out_less(plan: LoadPlan, pressure: Pressure) -> LoadPlan:
    wanted, fitting = pressure.wanted_reply_tokens, pressure.fitting_tokens(CALM_SHARE)
    match plan.shedding:
        case Shedding.ADMISSION:
            return replace(plan, shedding=Shedding.REPLY_TOKENS)
        case Shedding.REPLY_TOKENS:
            assert plan.max_reply_tokens is not None
            tokens = plan.max_reply_tokens + 1
            if fitting < min(tokens, wanted):
                return plan
            if tokens >= wanted:
                return replace(plan, shedding=Shedding.LOOK_AHEAD, max_reply_tokens=None)
            return replace(plan, max_reply_tokens=tokens)
        case Shedding.LOOK_AHEAD if fitting >= max(wanted, 1 + pressure.wanted_look_ahead_tokens):
            return replace(plan, shedding=Shedding.NONE)
        case _:
            return plan
