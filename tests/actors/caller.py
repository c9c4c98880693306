"""A guest who finds its session's place as a gateway does, and what its platform is set to."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import psutil
from grpc import aio

from duologue.actors.session_server import Bound
from duologue.cluster_status import NodeStatus
from duologue.events import InputCommit, SessionClose, SessionClosed
from duologue.service_settings import (
    BatchingSettings,
    GatewaySettings,
    SessionSettings,
    StoreSettings,
)
from duologue.session_config import SessionConfig
from duologue.session_record import SessionRecord
from duologue.settings import DecodingSettings, ModelSettings, ReplySamplingSettings, Settings
from duologue.store.store import Store
from duologue.v1 import node_pb2 as pb
from duologue.v1.node_pb2_grpc import NodeServiceStub
from duologue.wire.sessions import config_to_bytes
from tests.actors.guest import AWAKE_MS, Guest
from tests.tiny_models import write_tiny_model
from tests.waiting import RAY_WITHIN_S, waiting_for

TENANT = "acme"


def tiny_settings(
    folder: Path,
    url: str | None = None,
    *,
    num_batchers: int = 1,
    write: Callable[[Path], Path] = write_tiny_model,
) -> Settings:
    """Turn by turn, since the tiny model, which `write` puts into the folder, has no state head."""
    return Settings(
        model=ModelSettings(source=str(write(folder)), device="cpu", dtype="float32"),
        decoding=DecodingSettings(
            strategy="turn",
            tick_ms=100,
            max_reply_tokens=24,
            reply_tokens_per_slice=1,
            system_prompt="hi",
        ),
        sampling=ReplySamplingSettings(temperature=1.0, seed=7),
        store=StoreSettings(url=url),
        batching=BatchingSettings(num_batchers=num_batchers, max_sessions=8, threads=1),
        sessions=SessionSettings(warm_actors=1, max_sessions=8, sleep_after_ms=AWAKE_MS),
        gateway=GatewaySettings(port=0),
    )


class Caller(Guest):
    """A guest that finds its session's place as a gateway does."""

    within_s = RAY_WITHIN_S

    def __init__(self, store: Store, session_id: str) -> None:
        super().__init__(TENANT, session_id)
        self._store = store
        self._num_turns = 0
        self.bound = Bound("", 0)

    @classmethod
    async def create(
        cls, store: Store, session_id: str, config: SessionConfig | None = None
    ) -> "Caller":
        as_bytes = config_to_bytes(config or SessionConfig())
        await store.create_session(SessionRecord(TENANT, session_id, as_bytes, b"digest", 1))
        return cls(store, session_id)

    async def nodes(self) -> list[NodeStatus]:
        return [node for node in await self._store.nodes() if not node.is_draining]

    async def bind(self, node: NodeStatus | None = None) -> None:
        """Have it brought to life and attach, however long nodes take to be well again."""
        async with waiting_for("a node that binds the session", within_s=RAY_WITHIN_S):
            while not await self._try_bind(node or (await self.nodes())[0]):
                await asyncio.sleep(0.05)

    async def _try_bind(self, node: NodeStatus) -> bool:
        request = pb.BindRequest(
            tenant_id=TENANT, session_id=self.session_id, known_epoch=self.bound.epoch
        )
        async with aio.insecure_channel(node.address) as channel:
            try:
                told = await NodeServiceStub(channel).Bind(request, timeout=20)
            except aio.AioRpcError:
                return False
        if told.HasField("error"):
            return False
        await self.detach()
        self.bound = Bound(told.address, told.epoch)
        await self.attach(self.bound)
        return True

    async def ask(self) -> None:
        self._num_turns += 1
        await self.say("what is it?", str(self._num_turns))
        await self.send(InputCommit())

    async def close(self) -> None:
        """Say that it is over, and hear that it is."""
        await self.send(SessionClose())
        await self.until_event(SessionClosed)
        await self.detach()


def process_at(address: str) -> psutil.Process:
    """The process that listens at an address."""
    port = int(address.rpartition(":")[2])
    listening = (
        each
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
    )
    return psutil.Process(next(listening).pid)
