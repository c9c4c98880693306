"""The batching actor as a Ray actor: Ray places it, names it, and starts it again when it dies.

Sessions reach it over its own address. Ray's calls are for those who run the cluster.
"""

import logging
import os
from dataclasses import replace
from typing import Any

import ray

from duologue.actors.batcher_host import BatcherHost
from duologue.actors.batcher_options import BatcherOptions
from duologue.cluster_status import BatcherStatus
from duologue.settings import Settings

log = logging.getLogger(__name__)

NAMESPACE = "duologue"


class BatcherActor:
    """One model on one device. Ready when it is made; a failure to start is the actor's."""

    def __init__(self, settings: Settings, options: BatcherOptions) -> None:
        # The node's own name only now: after a restart it may be another node.
        placed = replace(
            options, node_id=options.node_id or ray.get_runtime_context().get_node_id()
        )
        self._host = BatcherHost(settings, placed, _give_up)
        self._address = self._host.start()

    def address(self) -> str:
        """Where sessions reach it."""
        return self._address

    def status(self) -> BatcherStatus:
        """How it stands."""
        return self._host.status

    def process_id(self) -> int:
        """Its process, for operators and tests."""
        return os.getpid()

    def __ray_shutdown__(self) -> None:
        """Ray ends the actor in order."""
        self._host.stop()


def start_batcher(
    settings: Settings,
    options: BatcherOptions,
    *,
    detached: bool = False,
    namespace: str | None = None,
    **placement: Any,
) -> Any:
    """Start a batching actor of the options' name; returns its handle at once.

    It is started again whenever its process dies. `detached` lets it outlive the driver.
    `placement` is handed to Ray: num_cpus, num_gpus, resources, scheduling_strategy, ….
    """
    defaults: dict[str, Any] = {"num_cpus": 0, "enable_task_events": False}
    if detached:
        defaults["lifetime"] = "detached"
    actor = ray.remote(BatcherActor).options(
        name=f"batcher/{options.batcher_id}",
        namespace=namespace,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=4,
        **(defaults | placement),
    )
    return actor.remote(settings, options)


def _give_up(reason: str) -> None:
    log.error("the batching actor gives up, to be started again: %s", reason)
    os._exit(1)  # the thread of forwards may hang for ever
