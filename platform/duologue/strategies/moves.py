"""The moves that strategies are made of."""

from duologue.errors import InvalidInput
from duologue.lane.judging import Judgement, Patience
from duologue.lane.lane import ReplyPhase
from duologue.lane.slices import Heard
from duologue.lane.steps import (
    Conclude,
    EndReason,
    Finish,
    Hear,
    Ignore,
    Promote,
    Say,
    Trim,
)
from duologue.states import State
from duologue.strategies.base import SliceRun

RESERVE_TOKENS = 64
"""Room kept in the context for the headers, the look-ahead and the rest of a reply."""


def conclude_if_asked(run: SliceRun) -> None:
    """End the reply where the session says that it ends."""
    if run.work.conclude is not None and run.lane.phase is not ReplyPhase.NONE:
        heard = heard_of_reply(run)
        run.do(Conclude(heard.keep, heard.tail))


def hear_edit(run: SliceRun) -> None:
    """Apply the change of the utterance; raises InvalidInput if it can never fit the context."""
    edit = run.work.edit
    if edit is None:
        return
    room = run.profile.context_limit_tokens - RESERVE_TOKENS
    shortest = run.lane.num_fixed_tokens + edit.keep + len(edit.append)
    if shortest > room:
        raise InvalidInput(
            f"the utterance has {edit.keep + len(edit.append)} tokens; with what must stay in the "
            f"context ({run.lane.num_fixed_tokens} tokens) it exceeds the limit of "
            f"{run.profile.context_limit_tokens}"
        )
    run.do(Hear(edit.keep, edit.append))


def make_room(run: SliceRun) -> None:
    """Let the oldest turns go when the context is full, down to three quarters of it."""
    limit = run.profile.context_limit_tokens
    if run.lane.num_tokens + RESERVE_TOKENS <= limit:
        return
    turns = run.lane.turns_over(limit * 3 // 4 - RESERVE_TOKENS)
    if turns:
        run.do(Trim(turns))


def heard_of_reply(run: SliceRun) -> Heard:
    """What stays of a reply that ends in this slice: by default what earlier slices said."""
    if run.work.heard is not None:
        return run.work.heard
    said_now = sum(len(step.tokens) for step in run.steps if isinstance(step, Say))
    return Heard(run.lane.num_reply_tokens - said_now)


def say(run: SliceRun, token: int) -> None:
    """The reply goes on with a token, or ends."""
    if token in run.profile.stop_tokens:
        run.do(Finish(EndReason.STOP))
        return
    run.do(Say((token,)))
    lane, profile = run.lane, run.profile
    is_full = lane.num_tokens + RESERVE_TOKENS // 2 >= profile.context_limit_tokens
    if lane.num_reply_tokens >= profile.max_reply_tokens or is_full:
        run.do(Finish(EndReason.LENGTH))


def act(run: SliceRun, judgement: Judgement) -> None:
    """Do what the state asks for, at once."""
    run.judgement = judgement
    match judgement.state:
        case State.QUERY:
            heard = heard_of_reply(run)
            run.do(Promote(run.profile.promotion, heard.keep, heard.tail))
        case State.HOLD:
            heard = heard_of_reply(run)
            run.do(Promote(run.profile.promotion, heard.keep, heard.tail, answer=False))
        case State.NON_QUERY:
            run.do(Ignore())
        case State.INCOMPLETE:
            pass


def settle_from_evidence(run: SliceRun) -> bool:
    """Judge an unchanged utterance anew by what was read of it before; true if it need not be read.

    With patience as before there is nothing new to judge. Without evidence (its cells were dropped,
    or the trunk before it changed) it has to be read.
    """
    if not run.evidence:
        return False
    patience = run.work.patience
    if patience is not Patience.NORMAL:
        state = run.profile.judge.decide(run.evidence, patience)
        act(run, Judgement(state, run.evidence[-1], len(run.evidence) - 1, patience))
    return True


def close(run: SliceRun) -> None:
    """A reply that is finished joins the trunk, unless it is held until it was heard."""
    if run.lane.phase is ReplyPhase.FINISHED and not run.work.holds_reply:
        run.do(Conclude(run.lane.num_reply_tokens))
