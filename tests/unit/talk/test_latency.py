"""What a user waits for."""

from duologue.events import Envelope, InputState, ResponseDelta, ResponseStarted
from duologue.states import State
from duologue.talk.latency import LatencyMeter


def test_latency_is_measured_from_the_last_text() -> None:
    meter = LatencyMeter()
    meter.heard(1000.0)
    meter.heard(1400.0)
    judged = InputState(State.QUERY, {}, "what", ("a",))
    meter.told([Envelope(1, 0, 1, judged), Envelope(2, 0, 1, ResponseStarted(1))], 1500.0)
    meter.heard(1600.0)
    fresh = meter.told([Envelope(3, 1, 1, ResponseDelta(1, "It"))], 1650.0)
    assert fresh is meter.replies[0]
    assert (fresh.decided_ms, fresh.first_text_ms) == (100.0, 250.0)
    assert meter.told([Envelope(4, 1, 1, ResponseDelta(1, " is"))], 1700.0) is None
