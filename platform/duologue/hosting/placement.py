"""Which batching actor a session sits at."""

from collections.abc import Collection, Sequence

from duologue.cluster_status import BatcherStatus


def seats_in_order(
    batchers: Sequence[BatcherStatus],
    node_id: str,
    avoid: Collection[str] = (),
    *,
    model: str = "",
) -> list[BatcherStatus]:
    """Those that are well and stay, of that model if there is one to be, the best first: with
    room, on the same node, then the least loaded.

    One without room may still have the seat of a session that changes hands. Those to avoid, by
    address, come last: what just failed may have been announced before it did.
    """
    return sorted(
        (
            batcher
            for batcher in batchers
            if batcher.is_healthy and not batcher.is_draining and model in ("", batcher.model)
        ),
        key=lambda batcher: (
            batcher.address in avoid,
            batcher.room == 0,
            batcher.node_id != node_id,
            batcher.sessions / batcher.max_sessions,
            batcher.batcher_id,
        ),
    )
