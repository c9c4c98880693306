"""Ray for one program: started on this machine, or joined by address, and left again in order."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from duologue.actors.ray_token import demand_token
from duologue.actors.serve_apps import calm_control
from duologue.errors import DuologueError
from duologue.proxies import keep_local
from duologue.short_folders import short_folder

LOCAL_HOST = "127.0.0.1"
NAMESPACE = "duologue"
OBJECT_STORE_BYTES = 100 << 20
"""Nothing of ours goes through it."""
SOCKET_BYTES = 72
"""Of a socket of Ray's, below its temporary folder."""


@dataclass(frozen=True, slots=True)
class RayNode:
    """A node that is alive."""

    node_id: str
    host: str
    num_gpus: int
    resources: frozenset[str] = frozenset()
    """Names of what it has."""


@contextmanager
def ray_session(address: str | None = None) -> Iterator[None]:
    """Run a Ray of our own, or join the one at the address; blocks while it starts and ends.

    Raises DuologueError, or InvalidSetting where Ray has no folder for its sockets. It is called on
    the main thread: Linux ends Ray's processes with the thread that started them.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    calm_control()
    if address is None:
        demand_token(os.environ)
        # Where Ray has its sockets. It takes TMPDIR otherwise, however long that is.
        os.environ.setdefault("RAY_TMPDIR", str(short_folder(SOCKET_BYTES)))
    import ray

    start_only_when_told()
    keep_local(os.environ, *_near(address))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        _init(address)
        for number, handler in handlers.items():  # Ray puts its own in place
            if handler is not None:
                signal.signal(number, handler)
        yield
    finally:
        ray.shutdown()


def start_only_when_told() -> None:
    """Have Ray's functions fail where there is no Ray, instead of starting or joining one.

    A thread that still asks for something when the session has ended would begin another one.
    """
    from ray._private import auto_init_hook  # whose variable is read when it is imported

    auto_init_hook.enable_auto_connect = False


def _init(address: str | None) -> None:
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address is None:
            ray.init(
                address="local",
                namespace=NAMESPACE,
                num_cpus=1,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _node_ip_address=LOCAL_HOST,
                **quiet,
            )
        else:
            ray.init(address=address, namespace=NAMESPACE, **quiet)
    except Exception as error:  # of whatever kind: it has none of its own for this
        what = "Ray did not start" if address is None else f"Ray at {address} cannot be joined"
        told = str(error).strip().splitlines()
        raise DuologueError(f"{what}: {told[0] if told else repr(error)}") from error


def _near(address: str | None) -> list[str]:
    """Hosts that Ray's own processes talk to."""
    import ray

    here = str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
    head = "" if address is None else address.rpartition("//")[2].rpartition(":")[0]
    return [here, head] if head else [here]


def ray_nodes(host: str | None = None) -> list[RayNode]:
    """The nodes of the cluster that are alive, in a fixed order; with a host, all are at that."""
    import ray

    found = [
        RayNode(
            node["NodeID"],
            host or node["NodeManagerAddress"],
            int(node["Resources"].get("GPU", 0)),
            frozenset(node["Resources"]),
        )
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]
    return sorted(found, key=lambda node: node.node_id)
