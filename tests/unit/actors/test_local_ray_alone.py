"""Nothing starts a Ray but a session of ours."""

import asyncio

import pytest
import ray
from ray.exceptions import RaySystemError

from duologue.actors.local_ray import start_only_when_told


async def test_a_late_question_of_a_thread_starts_no_ray() -> None:
    start_only_when_told()
    assert not ray.is_initialized()
    with pytest.raises(RaySystemError, match="not been started"):
        await asyncio.to_thread(ray.nodes)
    assert not ray.is_initialized()
