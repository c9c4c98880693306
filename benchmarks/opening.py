"""How long it takes to open a session on a warm node: `python -m benchmarks.opening`.

Starts the platform without a gateway and binds sessions one after another, each of a new tenant,
so that each gets an actor that has served nobody, and each when the pool is full again. Prints
milliseconds until the session is alive, and until its client is attached.
"""

import asyncio
import statistics
import time

from grpc import aio

from duologue.actors.cluster import LocalCluster
from duologue.configuration import read_configuration
from duologue.session_record import SessionRecord
from duologue.v1 import events_pb2
from duologue.v1 import node_pb2 as node_pb
from duologue.v1 import session_pb2 as pb
from duologue.v1.node_pb2_grpc import NodeServiceStub
from duologue.v1.session_pb2_grpc import SessionServiceStub

NUM_SESSIONS = 24
SETTLE_S = 1.0
"""The actor that was started last is still busy with its start for a moment."""


async def measure(cluster: LocalCluster, number: int) -> tuple[float, float]:
    """Open one session and close it again."""
    tenant_id, session_id = f"tenant-{number}", f"opening-{number}"
    await cluster.store.create_session(SessionRecord(tenant_id, session_id, b"", b"digest", 1))
    (agent,) = cluster.agents
    await agent.wait_warm.remote()
    await asyncio.sleep(SETTLE_S)
    async with aio.insecure_channel(await agent.address.remote()) as channel:
        await channel.channel_ready()
        began_s = time.perf_counter()
        request = node_pb.BindRequest(tenant_id=tenant_id, session_id=session_id)
        bound = await NodeServiceStub(channel).Bind(request)
        assert not bound.HasField("error"), bound.error
        bound_s = time.perf_counter()
    async with aio.insecure_channel(bound.address) as channel:
        call = SessionServiceStub(channel).Attach()
        hello = pb.Hello(tenant_id=tenant_id, session_id=session_id, epoch=bound.epoch)
        await call.write(pb.AttachRequest(hello=hello))
        welcome = await call.read()
        attached_s = time.perf_counter()
        assert isinstance(welcome, pb.AttachResponse), welcome
        assert welcome.HasField("welcome"), welcome
        close = events_pb2.ClientEvent(client_seq=1, session_close=events_pb2.SessionClose())
        await call.write(pb.AttachRequest(event=close))
        while await call.read() is not aio.EOF:
            pass
    return (bound_s - began_s) * 1e3, (attached_s - began_s) * 1e3


async def main() -> None:
    """Measure, and print."""
    settings = read_configuration().settings
    async with LocalCluster(settings, with_gateway=False) as cluster:
        took = [await measure(cluster, number) for number in range(NUM_SESSIONS)]
    for name, column in (("alive", 0), ("attached", 1)):
        times = sorted(each[column] for each in took)
        p95 = times[round(0.95 * (len(times) - 1))]
        print(
            f"{name:9} p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms, "
            f"longest {times[-1]:.1f} ms, {len(times)} sessions"
        )


if __name__ == "__main__":
    asyncio.run(main())
