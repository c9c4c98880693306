"""Ray Serve's autoscaling, by what batching actors say of themselves."""

from dataclasses import fields
from typing import Any

from ray.serve.config import AutoscalingContext

from duologue.hosting.scaling import BatcherDemand, wanted_batchers


def policy(context: AutoscalingContext) -> tuple[int, dict[str, Any]]:
    """How many replicas there should be; Serve keeps to the bounds and the delays."""
    told = context.aggregated_metrics or {}
    replicas = set.intersection(*(set(told.get(each.name, {})) for each in fields(BatcherDemand)))
    demands = [
        BatcherDemand(**{each.name: told[each.name][replica] for each in fields(BatcherDemand)})
        for replica in replicas
        if replica in context.running_replicas
    ]
    return wanted_batchers(demands, present=context.target_num_replicas), {}
