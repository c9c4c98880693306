"""Duologue's Ray Serve applications: `app` serves a model, `nodes` keeps node agents on nodes.

A Serve config file names them as `duologue.actors.serving:app` and `:nodes`; `duologue config
serve` prints such a file.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from duologue.actors.batcher_replica import BatcherReplica
from duologue.actors.node_keeper import NodeKeeper
from duologue.configuration import read_configuration
from duologue.service_settings import BatchingSettings
from duologue.settings import Settings

HEALTH_EVERY_S = 1.0
HEALTH_WITHIN_S = 10.0
STOP_WITHIN_S = 15.0
"""Beyond the time for draining; then the replica is killed."""
MAX_ATTEMPTS = 3
"""To start a replica: more than Serve's own limit for each would change nothing."""
LOOK_BACK_S = 15.0
"""Over which the load of replicas is averaged."""


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")

    settings: dict[str, Any] = Field(default_factory=dict)
    """By "section.name", laid over those of the process that builds the application: its
    environment, which is where secrets belong."""

    def read(self) -> Settings:
        nones = [f"{name}=none" for name, value in self.settings.items() if value is None]
        return read_configuration(flags=nones, named_flags=self.settings).settings


class ModelArguments(_Arguments):
    """Of `app`."""

    num_gpus: float = 0
    """GPUs of a replica."""
    resources: dict[str, float] = Field(default_factory=dict)
    """Ray resources of a replica: where a pod is to hold one, something that it has once."""


class NodesArguments(_Arguments):
    """Of `nodes`."""

    resource: str = "duologue_node"
    """The Ray resource that makes a node one for sessions."""


def app(args: ModelArguments) -> serve.Application:
    """A model: a deployment with a replica per device."""
    return model_app(args.read(), num_gpus=args.num_gpus, resources=args.resources)


def nodes(args: NodesArguments) -> serve.Application:
    """Node agents: one on each node that is for sessions, whenever it comes."""
    keeper: serve.Deployment = serve.deployment(
        name="keeper",
        num_replicas=1,
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=HEALTH_EVERY_S,
    )(NodeKeeper)
    return keeper.bind(args.read(), args.resource)


def model_app(
    settings: Settings,
    *,
    num_gpus: float = 0,
    resources: Mapping[str, float] | None = None,
    host: str | None = None,
    attempts: int = MAX_ATTEMPTS,
) -> serve.Application:
    """The application of the model that the settings name; `host` as in `BatcherReplica`.

    After so many attempts to start a replica, the deployment has failed.
    """
    batching = settings.batching
    place = {"num_cpus": 0, "num_gpus": num_gpus, "resources": dict(resources or {})}
    batcher: serve.Deployment = serve.deployment(
        name="batcher",
        ray_actor_options=place,
        max_surge_percent=batching.surge_percent,
        health_check_period_s=HEALTH_EVERY_S,
        health_check_timeout_s=HEALTH_WITHIN_S,
        graceful_shutdown_timeout_s=batching.drain_ms / 1e3 + STOP_WITHIN_S,
        max_constructor_retry_count=attempts,
        **_number(batching),
    )(BatcherReplica)
    return batcher.bind(settings, host)


def _number(batching: BatchingSettings) -> dict[str, Any]:
    """Of replicas: fixed, or by their load."""
    if batching.max_batchers is None:
        return {"num_replicas": batching.num_batchers}
    scaling = AutoscalingConfig(
        min_replicas=batching.num_batchers,
        max_replicas=batching.max_batchers,
        initial_replicas=batching.num_batchers,
        upscale_delay_s=batching.scale_up_after_s,
        downscale_delay_s=batching.scale_down_after_s,
        look_back_period_s=LOOK_BACK_S,
        policy=AutoscalingPolicy(  # type: ignore[no-untyped-call]
            policy_function="duologue.actors.scaling:policy"
        ),
    )
    return {"autoscaling_config": scaling}
