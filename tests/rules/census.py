"""What happened in a performance: so that a rule is not proven on schedules where little does."""

from collections import Counter
from itertools import pairwise

from duologue.lane.phase import ReplyPhase
from duologue.lane.steps import (
    Amend,
    Begin,
    Conclude,
    EndReason,
    Finish,
    Hear,
    Ignore,
    Pause,
    Promote,
    Promotion,
    Reopen,
    Resume,
    Say,
    Trim,
)
from tests.rules.stage import Moment, Performance

EVENTS = (
    "branch cuts a reply",
    "rebase keeps a part of a reply",
    "rebase keeps a cut token",
    "rebase keeps nothing",
    "hold",
    "non-query during a reply",
    "utterance revised",
    "utterance revised to nothing",
    "decided by look-ahead",
    "judged from evidence",
    "undecided twice",
    "reply stopped",
    "reply too long",
    "reply held and cut",
    "reply held and concluded",
    "cancelled",
    "utterance survives a conclusion",
    "reopened",
    "reply set aside",
    "reply set aside returns",
    "heard part amended",
    "reply waits",
    "settled in part",
    "trimmed",
    "trimmed during a reply",
    "interleaved",
    "lost during a slice",
    "lost while listening",
    "lost while speaking",
    "lost with a held reply",
    "prefill in pieces",
    "block used again",
    "block shared",
    "table grown",
    "merged forward",
)


def census(performance: Performance) -> Counter[str]:
    """How often each of the events occurred."""
    counts: Counter[str] = Counter()
    for actor in performance.actors.values():
        moments = actor.moments
        counts.update(actor.losses)
        for moment in moments[:1]:
            counts.update(_of_steps(None, moment))
        for before, moment in pairwise(moments):
            counts.update(_of_steps(before, moment))
            counts.update(_of_judgement(moment))
        counts["reply waits"] += sum(action.pauses for action in actor.plan.actions)
    counts["block used again"] = performance.witness.num_blocks_used_again
    counts["block shared"] = performance.witness.num_blocks_shared
    counts["table grown"] = performance.witness.num_tables_grown
    counts["merged forward"] = performance.witness.num_merged
    counts["prefill in pieces"] = performance.witness.num_pieces
    return counts


def _of_steps(before: Moment | None, moment: Moment) -> list[str]:
    found = []
    phase = before.phase if before is not None else ReplyPhase.NONE
    was_listening = before is not None and bool(before.input)
    for step in moment.result.steps:
        match step:
            case Promote():
                found += _of_promotion(step, phase, moment.result.judgement is None)
                phase = ReplyPhase.SPEAKING if step.answer else ReplyPhase.NONE
            case Ignore() if phase is ReplyPhase.SPEAKING:
                found.append("non-query during a reply")
            case Hear() if was_listening:
                is_left = step.keep or step.append
                found.append("utterance revised" if is_left else "utterance revised to nothing")
            case Finish(reason):
                is_long = reason is EndReason.LENGTH
                found.append("reply too long" if is_long else "reply stopped")
                phase = ReplyPhase.FINISHED
            case Conclude():
                found += _of_conclusion(phase, moment, was_listening)
                phase = ReplyPhase.NONE
            case Trim():
                is_speaking = phase is ReplyPhase.SPEAKING
                found.append("trimmed during a reply" if is_speaking else "trimmed")
            case Reopen():
                found.append("reopened")
                phase = ReplyPhase.NONE
                if before is not None and before.aside is not None:
                    found.append("reply set aside returns")
                    phase = before.aside.phase
            case Amend():
                found.append("heard part amended")
            case Resume():
                found.append("interleaved")
                phase = ReplyPhase.SPEAKING
            case Begin():
                found.append("begun unasked")
                phase = ReplyPhase.SPEAKING
            case Pause():
                phase = ReplyPhase.PAUSED
            case Say() | Ignore() | Hear():
                pass
    return found


def _of_promotion(step: Promote, phase: ReplyPhase, is_settled: bool) -> list[str]:
    found = [] if step.answer else ["settled in part" if is_settled else "hold"]
    if step.aside_tokens is not None:
        found.append("reply set aside")
    if phase is ReplyPhase.FINISHED:
        found.append("reply held and cut")
    if phase is not ReplyPhase.SPEAKING:
        return found
    if step.policy is Promotion.BRANCH:
        return [*found, "branch cuts a reply"]
    if step.tail:
        found.append("rebase keeps a cut token")
    return [*found, "rebase keeps a part of a reply" if step.keep else "rebase keeps nothing"]


def _of_conclusion(phase: ReplyPhase, moment: Moment, was_listening: bool) -> list[str]:
    found = ["utterance survives a conclusion"] if was_listening and moment.input else []
    if isinstance(moment.result.steps[0], Conclude):
        is_held = phase is ReplyPhase.FINISHED
        found.append("reply held and concluded" if is_held else "cancelled")
    return found


def _of_judgement(moment: Moment) -> list[str]:
    judgement, result = moment.result.judgement, moment.result
    if judgement is None:
        return ["undecided twice"] if moment.input else []
    is_open = judgement.state == "incomplete"
    if any(isinstance(step, (Hear, Reopen, Trim, Conclude)) for step in result.steps):
        return [] if is_open or not judgement.look_ahead_tokens else ["decided by look-ahead"]
    if result.num_forwards == 0 and judgement.probabilities:
        return ["judged from evidence"]
    return []
