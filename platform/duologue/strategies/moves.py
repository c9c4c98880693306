"""The moves that strategies are made of."""

from duologue.errors import InvalidInput
from duologue.lane.judging import Judgement, JudgingPatience
from duologue.lane.phase import ReplyPhase
from duologue.lane.profile import max_told_tokens
from duologue.lane.room import num_fixed_tokens, num_turn_reply_tokens, turns_over
from duologue.lane.slices import Heard
from duologue.lane.steps import (
    Amend,
    Begin,
    Conclude,
    EndReason,
    Finish,
    Hear,
    Ignore,
    Note,
    Promote,
    Reopen,
    Say,
    Step,
    Trim,
)
from duologue.states import State
from duologue.strategies.base import Demand, SliceRun, Slicing

BEGINNING_TOKENS = 4
"""So many tokens at the most are said of a reply until it has something to show, in a slice that
then returns."""

RESERVE_TOKENS = 64
"""Room kept in the context for the headers, the look-ahead and the rest of a reply."""


def check(run: SliceRun) -> None:
    """Refuse what cannot be meant for this lane, before anything changes; raises InvalidInput."""
    lane, heard = run.lane, run.work.heard
    has_reply = lane.phase is not ReplyPhase.NONE
    num_tokens = lane.num_reply_tokens
    if run.work.reopens:  # then a reply that was set aside is the one
        has_reply, num_tokens = lane.aside is not None, lane.num_aside_tokens
    if heard is not None and has_reply and not 0 <= heard.keep <= num_tokens:
        raise InvalidInput(
            f"is {heard.keep}; the reply has {num_tokens} tokens", field="heard.keep"
        )
    if run.work.reopens and run.work.conclude is not None:
        raise InvalidInput("conclude and reopens must not be asked for in one slice")
    if run.work.reopens and not lane.can_reopen:
        raise InvalidInput("there is no utterance to reopen")
    amends, most = run.work.amends, lane.num_aside_tokens
    if amends is not None and (lane.aside is None or not 0 <= amends.keep <= most):
        raise InvalidInput(
            f"is {amends.keep}; the reply set aside has {most} tokens", field="amends.keep"
        )
    if run.work.begins and (run.work.reopens or lane.phase is not ReplyPhase.NONE):
        raise InvalidInput(
            "must not be asked for while there is a reply, or one returns", field="begins"
        )


def conclude_if_asked(run: SliceRun) -> None:
    """End the reply where the session says that it ends."""
    if run.work.conclude is not None and run.lane.phase is not ReplyPhase.NONE:
        heard = heard_of_reply(run)
        run.do(Conclude(heard.keep, heard.tail))


def reopen_if_asked(run: SliceRun) -> None:
    """Take back the last utterance, which goes on."""
    if run.work.reopens:
        run.do(Reopen())


def amend_if_asked(run: SliceRun) -> None:
    """Keep of the reply that was cut what the user had really heard."""
    if run.work.amends is not None and not run.work.reopens:
        run.do(Amend(run.work.amends.keep, run.work.amends.tail))


def note_if_asked(run: SliceRun) -> None:
    """Let what the model is to know join the trunk, unless a reply is there that it would move."""
    if run.lane.phase is ReplyPhase.NONE:
        for note in run.work.notes:
            run.do(note)


def recall(run: SliceRun, *kinds: type[Step]) -> Slicing:
    """Compute what such steps of this slice have put into the trunk while nobody waits: not with
    the next utterance, whose first word would."""
    has_joined = any(isinstance(step, kinds) for step in run.steps)
    while has_joined and run.judgement is None and not run.lane.trunk.is_cached:
        yield Demand(recall=True)


def begin_if_asked(run: SliceRun) -> None:
    """Let a reply begin unasked, as a turn of its own: what was said before it stands."""
    if run.work.begins:
        run.do(Begin(is_turn=True))


def begin_if_told(run: SliceRun) -> None:
    """Let a reply of the caller's begin. It belongs to the last turn, unless that has had enough of
    them: then it is a turn of its own, so that the turns before it can leave when there is no room.
    """
    if not run.work.begins:
        return
    lane, profile = run.lane, run.profile
    room = profile.context_limit_tokens - lane.num_opening_tokens
    most, num_tokens = max_told_tokens(profile.max_reply_tokens, room), num_turn_reply_tokens(lane)
    run.do(Begin(is_turn=num_tokens is None or num_tokens > most))


def hear_edit(run: SliceRun) -> None:
    """Apply the change of the utterance.

    Raises InvalidInput if it is no change of this one, or can never fit the context.
    """
    edit = run.work.edit
    if edit is None:
        return
    if not 0 <= edit.keep <= run.lane.num_utterance_tokens:
        raise InvalidInput(
            f"is {edit.keep}; the utterance has {run.lane.num_utterance_tokens} tokens",
            field="edit.keep",
        )
    room = run.profile.context_limit_tokens - RESERVE_TOKENS
    num_fixed = num_fixed_tokens(run.lane)
    shortest = num_fixed + edit.keep + len(edit.append)
    if edit.append and shortest > room:
        raise InvalidInput(
            f"the utterance has {edit.keep + len(edit.append)} tokens; with what must stay in the "
            f"context ({num_fixed} tokens) it exceeds the {room} that the limit of "
            f"{run.profile.context_limit_tokens} leaves for them"
        )
    run.do(Hear(edit.keep, edit.append))


def make_room(run: SliceRun) -> None:
    """Let the oldest turns go when the context is full, down to three quarters of it."""
    limit = run.profile.context_limit_tokens
    if run.lane.num_tokens + RESERVE_TOKENS <= limit:
        return
    turns = turns_over(run.lane, limit * 3 // 4 - RESERVE_TOKENS)
    if turns:
        run.do(Trim(turns))


def heard_of_reply(run: SliceRun) -> Heard:
    """What stays of a reply that ends in this slice: by default what earlier slices said."""
    if run.work.heard is not None:
        return run.work.heard
    return Heard(run.lane.num_reply_tokens - _num_said_now(run))


def _num_said_now(run: SliceRun) -> int:
    """Tokens that the reply in the output channel said in this slice."""
    return sum(len(step.tokens) for step in run.steps if isinstance(step, Say))


def may_speak(run: SliceRun, num_spoken: int) -> bool:
    """Whether the reply in the output channel may go on, of which `num_spoken` tokens count for
    this slice: one that waits must not, unless it is a new one."""
    if not _is_new(run):
        return num_spoken < run.work.reply_tokens and not run.work.pauses
    if not run.work.returns_early:
        return num_spoken < run.work.reply_tokens
    begun, most = run.lane.reply, BEGINNING_TOKENS if run.work.reply_tokens else 0
    return len(begun) < most and not run.shows(begun)


def _is_new(run: SliceRun) -> bool:
    """Whether the reply in the output channel began in this slice."""
    return run.judgement is not None and run.judgement.state is State.QUERY


def say(run: SliceRun, token: int) -> None:
    """The reply goes on with a token, or ends; what it says may be given."""
    if run.work.given and not _is_new(run):
        run.do(Say((run.work.given[run.num_given],)))
        run.num_given += 1
        if run.num_given == len(run.work.given):
            run.do(Finish(EndReason.STOP))
        return
    if token in run.profile.stop_tokens:
        run.do(Finish(EndReason.STOP))
        return
    run.do(Say((token,)))
    lane, profile = run.lane, run.profile
    # Not the input too: how far it has come by now depends on who shares the forwards.
    num_seen = len(lane.trunk) + len(lane.output)
    is_full = num_seen + RESERVE_TOKENS // 2 >= profile.context_limit_tokens
    if lane.num_reply_tokens >= profile.max_reply_tokens or is_full:
        run.do(Finish(EndReason.LENGTH))


def act(run: SliceRun, judgement: Judgement) -> None:
    """Do what the state asks for, at once."""
    run.judgement = judgement
    match judgement.state:
        case State.QUERY:
            _promote(run)
            make_room(run)
        case State.HOLD if run.work.sets_aside:
            run.do(Ignore())  # the reply stays in its channel, to go on if the user says so
        case State.HOLD:
            _promote(run, answer=False)
        case State.NON_QUERY:
            run.do(Ignore())
        case State.INCOMPLETE:
            pass


def _promote(run: SliceRun, *, answer: bool = True) -> None:
    """What a reply said in this very slice is not set aside: how much that is depends on how long
    the utterance had to wait for its rows."""
    heard, policy, aside_tokens, is_finished = (
        heard_of_reply(run),
        run.profile.promotion,
        None,
        False,
    )
    if run.work.sets_aside and answer and run.lane.phase is not ReplyPhase.NONE:
        aside_tokens = run.lane.num_reply_tokens - _num_said_now(run)
        finished_now = any(isinstance(step, Finish) for step in run.steps)
        is_finished = run.lane.phase is ReplyPhase.FINISHED and not finished_now
    notes = run.work.notes if answer and _may_note(run) else ()
    run.do(Promote(policy, heard.keep, heard.tail, answer, aside_tokens, is_finished, notes))


def _may_note(run: SliceRun) -> bool:
    """Whether what the model is to know waits for the reply that is cut now."""
    is_noted = any(isinstance(step, Note) for step in run.steps)
    return run.lane.phase is not ReplyPhase.NONE and not is_noted


def settle(run: SliceRun) -> bool:
    """Let the utterance join the trunk unjudged where the slice says so, or judge it anew by what
    was read of it before; true if it need not be read."""
    if run.work.settles and run.lane.is_listening:
        _promote(run, answer=False)
        make_room(run)
        return True
    if run.work.settles and run.lane.num_utterance_in_trunk:
        run.do(Ignore())  # time division has it in the trunk already
        return True
    return settle_from_evidence(run)


def settle_from_evidence(run: SliceRun) -> bool:
    """Judge an unchanged utterance anew by what was read of it before; true if it need not be read.

    With patience as before there is nothing new to judge. Without evidence (its cells were dropped,
    or the trunk before it changed) it has to be read.
    """
    if not run.evidence:
        return False
    if run.work.patience is not JudgingPatience.NORMAL:
        act(run, _judge_evidence(run))
    return True


def _judge_evidence(run: SliceRun) -> Judgement:
    """What `Listening` would come to if it read everything again."""
    work, patience = run.work, run.work.patience
    for num_ahead, probabilities in enumerate(run.evidence):
        state = run.profile.judge.decide(
            probabilities, patience, keeps=work.keeps, was_query=work.was_query
        )
        if state is not State.INCOMPLETE:
            return Judgement(state, probabilities, num_ahead, patience)
    return Judgement(State.INCOMPLETE, run.evidence[0], len(run.evidence) - 1, patience)


def close(run: SliceRun) -> None:
    """A reply that is finished joins the trunk, unless it is held until it was heard."""
    if run.lane.phase is ReplyPhase.FINISHED and not run.work.holds_reply:
        run.do(Conclude(run.lane.num_reply_tokens))
