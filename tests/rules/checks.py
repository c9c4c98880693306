"""The rules, each as one function that plays a random schedule and asserts."""

from random import Random
from typing import Any

from tests.rules.comparing import check_same_conversation, check_same_steps, tolerating_ties
from tests.rules.schedules import Plan, Schedule, random_schedule
from tests.rules.stage import Performance, play
from tests.rules.tiny_worlds import tiny_world
from tests.rules.witness import check_readings


def check_channels(random: Random, *, checks_memory: bool = True, **wishes: Any) -> None:
    """Rule 1: whatever is read of a channel is what a plain forward gives for it alone."""
    schedule = random_schedule(random, **wishes)
    performance = play(schedule, checks_memory=checks_memory)
    plain = tiny_world(schedule.family).plain
    check_readings(performance.witness.readings, plain, schedule.layers)


def check_company(random: Random, *, checks_memory: bool = True, **wishes: Any) -> None:
    """Rule 2: a session is the same among others and on an engine of its own, full of room."""
    schedule = random_schedule(random, **wishes).undisturbed()
    together = play(schedule, checks_memory=checks_memory)
    for plan in schedule.plans:
        alone = play(schedule.alone(plan), checks_memory=checks_memory)
        same_conversation(schedule, plan, together, alone)


def check_losses(random: Random, *, checks_memory: bool = True, **wishes: Any) -> None:
    """Rule 3: a session is the same when it loses its cells, or its lane, again and again."""
    schedule = random_schedule(random, **wishes)
    calm = play(schedule.undisturbed(), checks_memory=checks_memory)
    shaken = play(schedule.disturbed(random), checks_memory=checks_memory)
    for plan in schedule.plans:
        same_conversation(schedule, plan, calm, shaken)


def same_conversation(
    schedule: Schedule, plan: Plan, left: Performance, right: Performance
) -> None:
    """Assert it of one session in two performances; of its very steps where no rows were scarce."""
    same = check_same_steps if schedule.limits.is_roomy else check_same_conversation
    with tolerating_ties(left, right):
        same(left.moments(plan.name), right.moments(plan.name))
