"""How many examples a rule is tried on."""

from hypothesis import HealthCheck, Phase, settings

BUSY_SEEDS = range(30)
"""Of schedules with up to six sessions at once, so that slots are used again while others talk."""


def many(examples: int) -> settings:
    """So many examples, each of which may be large.

    What fails is not made smaller: that takes minutes, and a schedule hardly gets any clearer.
    """
    return settings(
        max_examples=examples,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
