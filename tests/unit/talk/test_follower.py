"""Who has the floor in a scripted chat, from what is told alone."""

from collections.abc import AsyncIterator
from io import StringIO
from typing import cast

import pytest
from rich.console import Console

from duologue.clock import ManualClock
from duologue.events import (
    Envelope,
    InputState,
    Interrupted,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
)
from duologue.lane.steps import EndReason
from duologue.states import State
from duologue.talk.conversation import OpenConversation
from duologue.talk.scripted import Follower
from duologue.talk.timeline import Timeline


class Told:
    """A conversation in which these things are told, and no more."""

    def __init__(self, *events: ServerEvent) -> None:
        self._events = events

    async def told(self) -> AsyncIterator[Envelope]:
        for number, event in enumerate(self._events, start=1):
            yield Envelope(number, 0, 1, event)


def judged(state: State) -> InputState:
    return InputState(state, {}, "what", ("a",))


QUERY, NON_QUERY = judged(State.QUERY), judged(State.NON_QUERY)
CUT = (Interrupted(1, 3), ResponseDone(1, EndReason.INTERRUPTED))


@pytest.mark.parametrize(
    ("events", "is_over"),
    [
        ((), True),
        ((QUERY,), False),
        ((QUERY, NON_QUERY), True),
        ((QUERY, ResponseStarted(1)), False),
        ((QUERY, ResponseStarted(1), ResponseDone(1, EndReason.STOP)), True),
        ((QUERY, ResponseStarted(1), QUERY, *CUT), False),
        ((QUERY, ResponseStarted(1), QUERY, *CUT, ResponseStarted(2)), False),
        ((QUERY, ResponseStarted(1), QUERY, *CUT, NON_QUERY, ResponseResumed(1, 3)), False),
        ((ResponseStarted(1), judged(State.HOLD), ResponsePaused(1)), False),
        ((ResponseStarted(1), ResponsePaused(1), ResponseResumed(1, 3)), False),
    ],
)
async def test_a_reply_is_over_when_none_is_shown_or_to_be_expected(
    events: tuple[ServerEvent, ...], is_over: bool
) -> None:
    clock = ManualClock()
    follower = Follower(Timeline(Console(file=StringIO()), 0.0), clock)
    await follower.read(cast(OpenConversation, Told(*events)))
    assert follower.is_reply_over is is_over
