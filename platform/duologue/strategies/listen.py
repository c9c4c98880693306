"""Listening alone: the caller speaks with a model of its own, and is told when."""

from duologue.lane.steps import Conclude, Note
from duologue.strategies import moves
from duologue.strategies.base import Demand, SliceRun, Slicing
from duologue.strategies.listening import Listening


class ListenStrategy:
    """Reads states as `duo` does, and acts on them alike, but says nothing.

    What the caller says is not computed while it is being said: the output channel holds no more
    than the header of a reply. Its text joins the trunk when it is over or cut, as far as it was
    heard. It is computed then and not with the next utterance, whose first word would wait for it.
    """

    name = "listen"
    judges = True
    listens_while_speaking = True
    takes_back = True
    speaks = False

    def run(self, run: SliceRun) -> Slicing:
        moves.check(run)
        moves.begin_if_told(run)
        moves.conclude_if_asked(run)
        moves.reopen_if_asked(run)
        moves.amend_if_asked(run)
        moves.note_if_asked(run)
        moves.hear_edit(run)
        moves.make_room(run)
        listening = Listening(run, is_open=not moves.settle(run))
        try:
            while listening.is_open:
                demand = Demand(listen=True, look_ahead=listening.looks_ahead)
                judgement = listening.take((yield demand))
                if judgement is not None:
                    moves.act(run, judgement)
        finally:
            listening.close()
        yield from moves.recall(run, Conclude, Note)
