"""The last events of a session are bounded, by their number and by their bytes."""

from duologue.events import Envelope, InputState, ResponseDelta, ResponseStarted
from duologue.lane.state import LaneState
from duologue.session.chronicle import Checkpoint
from duologue.session.recent_events import RecentEvents, Told
from duologue.states import State
from duologue.wire.checkpoints import checkpoint_to_bytes
from tests.unit.session.stage import Stage


def _state(seq: int, text: str, names: tuple[str, ...] = ("a",)) -> Told:
    return Envelope(seq, 1, 1, InputState(State.QUERY, {State.QUERY: 1.0}, text, names)), 0


def _seqs(recent: RecentEvents) -> list[int]:
    return [envelope.server_seq for envelope, _ in recent]


def test_the_oldest_leave_when_there_are_too_many() -> None:
    told = [(Envelope(seq, 1, 1, ResponseStarted(1)), 0) for seq in range(1, 6)]
    assert _seqs(RecentEvents(told, 3)) == [3, 4, 5]


def test_the_oldest_leave_when_they_are_too_large() -> None:
    recent = RecentEvents((), 100, max_bytes=10_000)
    for seq in range(1, 10):
        recent.add(_state(seq, "語" * 1_000))
    assert _seqs(recent) == [7, 8, 9]
    recent.add((Envelope(10, 1, 1, ResponseDelta(1, "x" * 50_000)), 0))
    assert _seqs(recent) == [10], "the newest stays"
    recent.add(_state(11, "", tuple("n" * 128 for _ in range(64))))
    assert _seqs(recent) == [11]


def test_as_many_as_may_be_kept_fit_into_a_checkpoint() -> None:
    """Each as large as an event can be: a long utterance, in as many segments as there may be."""
    names = tuple(f"{number:05}".ljust(128, "語") for number in range(256))
    recent = RecentEvents((), 512)
    for seq in range(1, 513):
        recent.add(_state(seq, "語" * 8_000, names))
    before = Stage().session
    checkpoint = Checkpoint(LaneState.of(before.lane), before.state, 0, tuple(recent))
    assert len(recent) < 100
    assert len(checkpoint_to_bytes(checkpoint)) < 2**24
