"""A lane at one moment goes on as the lane that it was taken of."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from duologue.lane.lane import Lane
from duologue.lane.room import num_fixed_tokens
from duologue.lane.state import LaneState
from tests.unit.session.schedules import Action, Deed, actions, play, settings_of_sessions
from tests.unit.session.stage import Setting
from tests.unit.session.test_properties import decodings, strategies


@settings(max_examples=40)
@given(actions(*Deed), settings_of_sessions, decodings, strategies, st.floats(0, 1))
def test_a_lane_can_be_taken_down_and_put_up_again_between_any_two_steps(
    schedule: list[Action],
    setting: Setting,
    decoding: dict[str, Any],
    strategy: str,
    share: float,
) -> None:
    stage = play(schedule, setting, finishes=False, strategy=strategy, **decoding).stage
    chat, steps = stage.setup.chat, [*stage.setup.earlier_notes, *stage.steps]
    place = round(share * len(steps))
    before = Lane.replay(chat, stage.setup.opening, steps[:place])
    lane = LaneState.of(before).lane(chat)
    assert LaneState.of(lane) == LaneState.of(before)
    for step in steps[place:]:
        lane.apply(step)
        before.apply(step)
        assert LaneState.of(lane) == LaneState.of(before)
        assert (num_fixed_tokens(lane), lane.can_reopen) == (
            num_fixed_tokens(before),
            before.can_reopen,
        )
    assert LaneState.of(lane) == LaneState.of(stage.session.lane)


def test_what_becomes_of_a_lane_does_not_change_its_state() -> None:
    stage = play([Action(Deed.SAY, 3), Action(Deed.TICK, 0)], Setting(), finishes=False).stage
    lane = stage.session.lane
    state = LaneState.of(lane)
    restored = state.lane(stage.setup.chat)
    restored.trunk.tokens.append(1)
    restored.turn_starts.append(1)
    assert LaneState.of(lane) == state != LaneState.of(restored)
