"""The rules, each as one function that plays a schedule and asserts."""

from random import Random

from tests.rules.comparing import (
    check_same_conversation,
    check_same_lasting_steps,
    check_same_steps,
    tolerating_ties,
)
from tests.rules.schedules import Schedule
from tests.rules.stage import play
from tests.rules.witness import check_readings
from tests.rules.worlds import World


def check_channels(
    schedule: Schedule, world: World, _: Random, *, checks_memory: bool = True
) -> None:
    """Rule 1: whatever is read of a channel is what a plain forward gives for it alone."""
    performance = play(schedule, world, checks_memory=checks_memory)
    check_readings(performance.witness.readings, world.plain, schedule.layers)


def check_company(
    schedule: Schedule, world: World, _: Random, *, checks_memory: bool = True
) -> None:
    """Rule 2: a session is the same among others and on an engine of its own, full of room."""
    calm = schedule.undisturbed()
    together = play(calm, world, checks_memory=checks_memory)
    for plan in calm.plans:
        alone = play(calm.alone(plan), world, checks_memory=checks_memory)
        with tolerating_ties(together, alone):
            same = check_same_steps if schedule.limits.is_roomy else check_same_conversation
            same(together.moments(plan.name), alone.moments(plan.name))


def check_losses(
    schedule: Schedule, world: World, random: Random, *, checks_memory: bool = True
) -> None:
    """Rule 3: a session is the same when it loses its cells, or its lane, again and again."""
    calm = play(schedule.undisturbed(), world, checks_memory=checks_memory)
    shaken = play(schedule.disturbed(random), world, checks_memory=checks_memory)
    for plan in schedule.plans:
        with tolerating_ties(calm, shaken):
            same = check_same_lasting_steps if schedule.limits.is_roomy else check_same_conversation
            same(calm.moments(plan.name), shaken.moments(plan.name))
