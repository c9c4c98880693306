"""Time-division multiplexing: slices of input and output take turns in one sequence.

After MiniCPM-duplex (arXiv 2406.15718): what the user says during a reply interrupts the sequence
and stays in it; a slice in which the user is silent is an idle token. States are read as for `duo`,
so that the two differ in nothing but how they share the time.
"""

from duologue.lane.judging import Judgement
from duologue.lane.phase import ReplyPhase
from duologue.lane.steps import Note, Pause, Resume, Say
from duologue.states import State
from duologue.strategies import moves
from duologue.strategies.base import Demand, SliceRun, Slicing
from duologue.strategies.listening import Listening


class TdmStrategy:
    """First the input's forwards, then the output's: 1 + look-ahead + k of them in a slice."""

    name = "tdm"
    judges = True
    listens_while_speaking = True
    takes_back = False
    speaks = True

    def run(self, run: SliceRun) -> Slicing:
        moves.check(run)
        moves.conclude_if_asked(run)
        moves.note_if_asked(run)
        moves.begin_if_asked(run)
        if run.lane.is_speaking and run.work.edit is not None:
            run.do(Pause())
        moves.hear_edit(run)
        moves.make_room(run)
        yield from self._listen(run)
        if run.lane.phase is ReplyPhase.PAUSED:
            run.do(Resume(is_decided=run.is_decided))
        yield from self._speak(run)
        yield from moves.recall(run, Note)
        moves.close(run)

    def _listen(self, run: SliceRun) -> Slicing:
        if run.lane.is_speaking and run.profile.idle_token is not None:
            run.do(Say((run.profile.idle_token,)))
        listening = Listening(run, is_open=not moves.settle(run))
        try:
            while listening.is_open:
                outcome = yield Demand(listen=True, look_ahead=listening.looks_ahead)
                judgement = listening.take(outcome)
                if judgement is not None:
                    self._act(run, judgement)
        finally:
            listening.close()

    def _act(self, run: SliceRun, judgement: Judgement) -> None:
        if judgement.state is State.NON_QUERY and run.lane.phase is ReplyPhase.PAUSED:
            run.judgement = judgement  # it stays in the sequence, and the reply goes on
        else:
            moves.act(run, judgement)

    def _speak(self, run: SliceRun) -> Slicing:
        num_spoken = 0
        while run.lane.is_speaking and moves.may_speak(run, num_spoken):
            outcome = yield Demand(speak=True)
            if outcome.reply_token is not None:
                num_spoken += 1
                moves.say(run, outcome.reply_token)
