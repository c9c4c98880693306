"""DUO: listening and speaking in the same forwards.

Channel-division multiplexing as in arXiv 2409.11727.
"""

from duologue.lane.judging import JudgingPatience
from duologue.lane.steps import Note
from duologue.states import State
from duologue.strategies import moves
from duologue.strategies.base import Demand, SliceRun, Slicing
from duologue.strategies.listening import Listening


class DuoStrategy:
    """Input rows and output rows ride in the same forwards.

    A slice takes max(k, 1 + look-ahead) forwards. If the utterance is found to be a query in
    forward j, the reply to it starts in forward j + 1, so that it takes max(k, j + 1), or j + 1 if
    the slice is to return then. Only where cells were lost may it be more: see
    `_reads_before_speaking`.
    """

    name = "duo"
    judges = True
    listens_while_speaking = True
    takes_back = True
    speaks = True

    def run(self, run: SliceRun) -> Slicing:
        moves.check(run)
        moves.conclude_if_asked(run)
        moves.reopen_if_asked(run)
        moves.amend_if_asked(run)
        moves.note_if_asked(run)
        moves.begin_if_asked(run)
        moves.hear_edit(run)
        moves.make_room(run)
        listening = Listening(run, is_open=not moves.settle(run))
        try:
            yield from self._forwards(run, listening)
        finally:
            listening.close()
        yield from moves.recall(run, Note)
        moves.close(run)

    def _forwards(self, run: SliceRun, listening: Listening) -> Slicing:
        num_spoken = _num_spoken_before(run)
        while True:
            waits = listening.is_open and _reads_before_speaking(run)
            speaks = run.lane.is_speaking and moves.may_speak(run, num_spoken) and not waits
            demand = Demand(listening.is_open, listening.looks_ahead, speaks)
            if not demand:
                return
            outcome = yield demand
            if outcome.reply_token is not None:
                num_spoken += 1
                moves.say(run, outcome.reply_token)
            judgement = listening.take(outcome)
            if judgement is not None:
                moves.act(run, judgement)
                if judgement.state is State.QUERY:
                    num_spoken = _num_spoken_before(run)


def _reads_before_speaking(run: SliceRun) -> bool:
    """Whether a reply must wait until an open utterance is judged.

    Silence is judged by what was read before, ahead of everything else in the slice. Who lost that
    with the cells reads it again, and the reply must not go on meanwhile: it would say what it
    does not say in a session that lost nothing.
    """
    return run.work.edit is None and run.work.patience is not JudgingPatience.NORMAL


def _num_spoken_before(run: SliceRun) -> int:
    """For how many tokens the time before a new reply's start counts: one for each token read.

    Forwards are not counted, for it may take any number of them to compute the trunk and the input,
    or none. So a session says the same whether it still has its cells and whoever rides along.
    """
    if run.judgement is None or run.judgement.state is not State.QUERY:
        return 0
    return max(0, min(1 + run.judgement.look_ahead_tokens, run.work.reply_tokens - 1))
