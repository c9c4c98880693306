"""Rules 1 and 2 with the kernels for CUDA, played by Triton's interpreter in float32.

It takes milliseconds for what a device does in microseconds, so schedules are few and short.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from random import Random

import pytest

from duologue.forward.kernels.triton_kernels import TritonKernels
from tests.rules.checks import check_channels, check_company
from tests.rules.schedules import random_schedule
from tests.rules.worlds import triton_world

NUM_ACTIONS = 2
"""Of each session."""


@pytest.mark.skipif(find_spec("triton") is None, reason="the package triton is for Linux")
@pytest.mark.parametrize(
    ("check", "family", "is_adapted"),
    [
        (check_channels, "llama", True),
        (check_company, "mistral", False),
    ],
)
def test_short_schedules(check: Callable[..., None], family: str, is_adapted: bool) -> None:
    random = Random(3)
    schedule = random_schedule(random, max_sessions=2)
    short = tuple(replace(plan, actions=plan.actions[:NUM_ACTIONS]) for plan in schedule.plans)
    schedule = replace(schedule, plans=short)
    check(schedule, triton_world(family, TritonKernels(), is_adapted), random)
