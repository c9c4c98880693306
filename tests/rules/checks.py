"""The rules, each as one function that plays a schedule and asserts."""

from random import Random

from tests.rules.comparing import check_same, same_conversation, same_steps
from tests.rules.schedules import Plan, Schedule
from tests.rules.stage import Performance, play
from tests.rules.witness import check_readings
from tests.rules.worlds import World


def check_channels(
    schedule: Schedule, world: World, _: Random, *, checks_memory: bool = True
) -> None:
    """Rule 1: whatever is read of a channel is what a plain forward gives for it alone."""
    performance = play(schedule, world, checks_memory=checks_memory)
    check_readings(performance.witness.readings, world, schedule.layers)


def check_company(
    schedule: Schedule, world: World, _: Random, *, checks_memory: bool = True
) -> None:
    """Rule 2: a session is the same among others and on an engine of its own, full of room."""
    calm = schedule.undisturbed()
    together = play(calm, world, checks_memory=checks_memory)
    for plan in calm.plans:
        alone = play(calm.alone(plan), world, checks_memory=checks_memory)
        compare(schedule, plan, together, alone)


def check_losses(
    schedule: Schedule, world: World, random: Random, *, checks_memory: bool = True
) -> None:
    """Rule 3: a session is the same when it loses its cells, or its lane, again and again."""
    calm = play(schedule.undisturbed(), world, checks_memory=checks_memory)
    shaken = play(schedule.disturbed(random), world, checks_memory=checks_memory)
    for plan in schedule.plans:
        compare(schedule, plan, calm, shaken)


def compare(schedule: Schedule, plan: Plan, left: Performance, right: Performance) -> None:
    """Assert it of one session in two performances; of its very steps where no rows were scarce."""
    same = same_steps if schedule.limits.is_roomy else same_conversation
    check_same(plan.name, left, right, same)
