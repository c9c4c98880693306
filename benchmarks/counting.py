"""What counting costs where it cannot be turned off: microseconds of this machine, one by one."""

import time
from collections.abc import Callable
from statistics import median

from duologue.batching.load_plan import LoadPlan
from duologue.batching.messages import Work
from duologue.batching.roster import Sitting
from duologue.batching.tick_account import TickRecord
from duologue.clock import TickClock
from duologue.lane.judging import Judge
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.service_settings import TelemetrySettings
from duologue.states import State
from duologue.strategies.registry import strategy_named
from duologue.telemetry.batch_observer import BatchObserver
from duologue.telemetry.conversation_meter import ConversationMeter
from duologue.telemetry.metrics import BatcherMetrics, GatewayMetrics
from duologue.telemetry.tracing import Tracing

_TIMES, _ROUNDS = 5_000, 5


def counting_us() -> dict[str, float]:
    """By what is counted; nothing is traced."""
    meter = ConversationMeter(GatewayMetrics())
    tracing = Tracing(TelemetrySettings(sample_ratio=0.0), "counting", "counting", None)
    observer = BatchObserver(tracing, BatcherMetrics(), TickClock(0.0, 160.0), "none")
    sitting, done = _sitting(), SliceResult("session", 1, 1, steps=())
    record, plan = TickRecord(1), LoadPlan()
    return {
        "an event through a gateway": _each_us(lambda: meter.told("response_delta", 0.0)),
        "a slice at a batching actor": _each_us(lambda: observer.slice_over(sitting, done, 9.0)),
        "a forward": _each_us(lambda: observer.forward_over(9.0, 4)),
        "a tick": _each_us(lambda: observer.tick_over(record, plan)),
    }


def _sitting() -> Sitting:
    profile = LaneProfile(Judge({State.QUERY: 0.5}), frozenset(), context_limit_tokens=1)
    sitting = Sitting("stream", "key", "session", 1, strategy_named("duo"), profile)
    slice_ = Slice("session", 1, 1, reply_tokens=1, look_ahead_tokens=0)
    sitting.work = Work("stream", slice_, 0.0)
    return sitting


def _each_us(act: Callable[[], object]) -> float:
    """The median over some rounds, so that what else the machine does counts little."""
    took = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(_TIMES):
            act()
        took.append((time.process_time() - began) / _TIMES * 1e6)
    return round(median(took), 2)
