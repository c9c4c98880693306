"""The ordinary turn-based assistant: it listens, then it speaks, and then hears nothing."""

from duologue.lane.judging import Judgement, JudgingPatience
from duologue.lane.steps import Note
from duologue.states import State
from duologue.strategies import moves
from duologue.strategies.base import Demand, SliceRun, Slicing


class TurnStrategy:
    """Silence (or the caller) ends the user's turn; states are not read."""

    name = "turn"
    judges = False
    listens_while_speaking = False
    takes_back = False
    speaks = True

    def run(self, run: SliceRun) -> Slicing:
        moves.check(run)
        moves.conclude_if_asked(run)
        moves.note_if_asked(run)
        moves.begin_if_asked(run)
        moves.hear_edit(run)
        moves.make_room(run)
        is_settled = moves.settle(run)
        if run.work.patience is JudgingPatience.OUT and run.lane.is_listening and not is_settled:
            moves.act(run, Judgement(State.QUERY, {}, 0, JudgingPatience.OUT))
        num_spoken = 0
        while run.lane.is_speaking and moves.may_speak(run, num_spoken):
            outcome = yield Demand(speak=True)
            if outcome.reply_token is not None:
                num_spoken += 1
                moves.say(run, outcome.reply_token)
        yield from moves.recall(run, Note)
        moves.close(run)
