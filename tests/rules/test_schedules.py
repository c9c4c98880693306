"""The random schedules are worth something: everything that the rules are about happens in them."""

from collections import Counter
from random import Random

from tests.rules.census import EVENTS, census
from tests.rules.schedules import random_schedule
from tests.rules.stage import play


def test_everything_happens() -> None:
    counts: Counter[str] = Counter()
    for seed in range(60):
        counts.update(census(play(random_schedule(Random(seed), max_sessions=6))))
    missing = [event for event in EVENTS if not counts[event]]
    assert not missing, counts
