"""With whom a session that sits down shares the cells of its opening."""

import pytest

from duologue.batching.messages import Take
from duologue.batching.model_limits import ModelLimits
from duologue.batching.seating import Seating
from duologue.clock import ManualClock
from duologue.lane.lane import Lane
from duologue.lane.state import LaneState
from duologue.settings import SharingName
from duologue.strategies.registry import strategy_named
from tests.unit.batching.stage import CHAT, MAX_POSITIONS, PROFILE, VOCAB_SIZE, CountingEngine


@pytest.mark.parametrize(
    ("share_prefixes", "scope"), [("tenant", "acme"), ("everyone", ""), ("none", None)]
)
def test_the_setting_says_among_whom(share_prefixes: SharingName, scope: str | None) -> None:
    engine = CountingEngine(ManualClock())
    limits = ModelLimits(VOCAB_SIZE, MAX_POSITIONS, can_judge=True)
    seating = Seating(engine, CHAT, limits, 4, share_prefixes)
    lane = LaneState.of(Lane(CHAT, (1, 2)))
    duo = strategy_named("duo")
    take = Take("stream", "acme/s", "s", 1, duo, lane, PROFILE, tenant_id="acme")
    seating.take(take, admits=True)
    assert engine.shared_among == {"acme/s": scope}
    [sitting] = seating.roster
    seating.note_lane(sitting)
    engine.shared_among.clear()
    seating.reset(sitting)
    assert engine.shared_among == {"acme/s": scope}
