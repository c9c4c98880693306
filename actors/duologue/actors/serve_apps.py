"""Ray Serve for one program: its applications are run, waited for, and deleted again."""

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from duologue.errors import BatcherUnavailable

if TYPE_CHECKING:
    from ray.serve import Application

LOOK_EVERY_S = 0.1
STOP_WITHIN_S = 10.0

CALM_CONTROL: Mapping[str, str] = {
    # The controller looks at every replica that often, also when nothing happens; Serve's own
    # tenth of a second is sooner than anybody here has to know.
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "2",
}
"""For the controller and its replicas, as far as nothing else is said. Before Ray starts."""


def calm_control() -> None:
    """Put it into the environment that Ray's processes inherit."""
    for name, value in CALM_CONTROL.items():
        os.environ.setdefault(name, value)


@asynccontextmanager
async def running_apps(apps: "Mapping[str, Application]") -> AsyncIterator[None]:
    """Run the applications by name for the length of a block; Ray must have been started.

    `wait_ready` tells when they serve. At the end their replicas have some seconds to leave in
    order.
    """
    from ray import serve

    await asyncio.to_thread(deploy, apps)
    try:
        yield
    finally:
        with suppress(Exception):  # Ray's end is theirs
            async with asyncio.timeout(STOP_WITHIN_S):
                await asyncio.gather(*(asyncio.to_thread(serve.delete, name) for name in apps))


async def wait_ready(apps: "Mapping[str, Application]") -> None:
    """Wait until all of them serve; raises BatcherUnavailable with the reason if one does not."""
    from ray import serve

    waited_for = set(apps)
    while waited_for:
        status = await asyncio.to_thread(serve.status)
        for name in tuple(waited_for):
            told = status.applications[name]
            if told.status == "RUNNING":
                waited_for.discard(name)
            if told.status in ("DEPLOY_FAILED", "UNHEALTHY"):
                raise BatcherUnavailable(f"an actor did not start: {_reason(told)}")
        await asyncio.sleep(LOOK_EVERY_S)


def deploy(apps: "Mapping[str, Application]") -> None:
    """Run the applications, or bring those that run up to date; returns at once."""
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    serve.start(proxy_location="Disabled")
    targets = [serve.RunTarget(app, name=name, route_prefix=None) for name, app in apps.items()]
    serve.run_many(targets, wait_for_applications_running=False)


def _reason(told: Any) -> str:
    """Of an application that does not start, in the words of our own error if it is one."""
    messages = [each.message for each in told.deployments.values()]
    text = "\n".join([*messages, told.message])
    ours = re.findall(r"duologue\.errors\.\w+: (.+)", text)
    return ours[-1] if ours else text.strip().splitlines()[-1]
