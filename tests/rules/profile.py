"""How many examples a rule is tried on."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

BUSY_SEEDS = range(24)
"""Of schedules with up to six sessions at once, so that slots are used again while others talk."""


def many(examples: int) -> Callable[[Any], Any]:
    """So many, the same in every run; one may take its time."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
