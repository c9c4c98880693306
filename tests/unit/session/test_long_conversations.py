"""A conversation that outgrows its context goes on; only its oldest turns are forgotten."""

import pytest

from duologue.events import ContextTrimmed
from tests.unit.session.stage import Setting, Stage, assistant, user

NUM_QUERIES = 25
REPLIES = tuple(f"This is reply number {number}, no less." for number in range(NUM_QUERIES))


@pytest.mark.parametrize("promotion", ["rebase", "branch"])
@pytest.mark.parametrize("strategy", ["duo", "tdm", "turn"])
def test_it_goes_on_beyond_its_context(strategy: str, promotion: str) -> None:
    stage = Stage(
        Setting(replies=REPLIES),
        strategy=strategy,
        promotion=promotion,
        context_limit_tokens=300,
        reply_tokens_per_slice=16,
    )
    for number in range(NUM_QUERIES):
        stage.say(f"Query {number}?", str(number))
        stage.settle()
        assert stage.session.lane.num_tokens <= 300
    expected = []
    for number, reply in enumerate(REPLIES):
        expected += [user(f"Query {number}?"), assistant(reply)]
    assert stage.entries == expected, "the transcript forgets nothing"
    assert not any(event.startswith("error") for event in stage.story)
    trims = [event for event in stage.events if isinstance(event, ContextTrimmed)]
    assert len(trims) >= 3
    num_dropped = sum(trim.dropped_turns for trim in trims)
    assert num_dropped + stage.session.lane.num_turns == NUM_QUERIES
    opening = list(stage.setup.opening)
    assert stage.session.lane.trunk.tokens[: len(opening)] == opening, "the system prompt stays"
    last = f"[user: Query {NUM_QUERIES - 1}?][reply: {REPLIES[-1]}]"
    assert stage.trunk.replace("·", "").endswith(last)


def test_it_goes_on_beyond_its_context_with_interruptions() -> None:
    stage = Stage(Setting(replies=REPLIES), context_limit_tokens=300)
    for number in range(NUM_QUERIES):
        stage.say(f"Query {number}?", str(number))
        stage.tick(number % 4 + 1)
    stage.settle()
    assert any(isinstance(event, ContextTrimmed) for event in stage.events)
    assert len([role for role, _, _ in stage.entries if role == "user"]) == NUM_QUERIES
    assert stage.session.lane.num_tokens <= 300


def test_a_reply_may_be_held_across_a_trim() -> None:
    stage = Stage(Setting(replies=REPLIES), context_limit_tokens=300)
    for number in range(NUM_QUERIES):
        stage.say(f"Query {number}?", str(number))
        stage.tick(14)
        stage.ack(number + 1, 7)
    stage.settle()
    assert any(isinstance(event, ContextTrimmed) for event in stage.events)
    assert "[reply: This is]" in stage.trunk
