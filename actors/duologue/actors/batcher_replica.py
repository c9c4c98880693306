"""The batching actor as a replica of a Ray Serve deployment.

Serve starts it, asks for its health and its load, replaces it, and starts it again when it dies.
Sessions reach it over its own address; nothing of theirs goes through Serve.
"""

import logging
import os
from dataclasses import asdict

import ray
from ray import serve

from duologue.actors.batcher_host import BatcherHost
from duologue.actors.batcher_options import BatcherOptions
from duologue.errors import BatcherUnavailable
from duologue.settings import Settings
from duologue.telemetry.logs import start_logging

log = logging.getLogger(__name__)


class BatcherReplica:
    """One model on one device. Ready when it is made; a failure to start is the deployment's."""

    def __init__(self, settings: Settings, host: str | None = None) -> None:
        """`host` is the address that sessions reach its node by; None is what Ray knows."""
        start_logging(settings.telemetry, "batcher")
        node_host = host or str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        context = serve.get_replica_context()
        options = BatcherOptions(
            f"{context.app_name}-{context.replica_tag}",
            node_id=ray.get_runtime_context().get_node_id()[:12],
            listen=(f"{node_host}:0",),
        )
        self._host = BatcherHost(settings, options, _give_up)
        self._host.start()

    def check_health(self) -> None:
        """Serve replaces the replica when this fails a few times."""
        if not self._host.status.is_healthy:
            raise BatcherUnavailable("no forward has ended well lately")

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What `duologue.actors.scaling` decides from."""
        return asdict(self._host.demand)

    def __del__(self) -> None:
        """Serve takes the replica away: its sessions go elsewhere first."""
        host = getattr(self, "_host", None)
        if host is not None and not host.is_over:
            try:
                host.drain()
            finally:
                host.stop()


def _give_up(reason: str) -> None:
    log.error("the batching actor gives up, to be started again: %s", reason)
    os._exit(1)  # the thread of forwards may hang for ever
