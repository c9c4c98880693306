"""The random schedules are worth something: everything that the rules are about happens in them."""

from collections import Counter
from random import Random

from tests.rules.census import EVENTS, census
from tests.rules.profile import BUSY_SEEDS
from tests.rules.schedules import random_schedule
from tests.rules.stage import play
from tests.rules.worlds import random_world


def test_everything_happens() -> None:
    counts: Counter[str] = Counter()
    for seed in BUSY_SEEDS:
        random = Random(seed)
        counts.update(census(play(random_schedule(random, max_sessions=6), random_world(random))))
    missing = [event for event in EVENTS if not counts[event]]
    assert not missing, counts
