"""A store, batching actors with a tiny model, and session servers, all on real sockets and in one
process."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from duologue.actors.batcher import BatcherProcess
from duologue.actors.batcher_options import BatcherOptions
from duologue.actors.session_server import Bound, SessionServer
from duologue.cluster_settings import ClusterSettings
from duologue.floor_settings import FloorSettings
from duologue.forward.state_head import StateHead
from duologue.runtime.assembly import Assembly
from duologue.service_settings import BatchingSettings, SessionSettings, StoreSettings
from duologue.session_config import SessionConfig
from duologue.session_record import SessionRecord
from duologue.settings import ModelSettings, Settings
from duologue.states import State
from duologue.store.store import Store
from duologue.telemetry.tracing import Tracing
from duologue.wire.sessions import config_to_bytes
from tests.actors.guest import AWAKE_MS, Guest
from tests.tiny_models import VOCAB_SIZE
from tests.unit.talk.worlds import DictatedHead, tiny_assembly

TENANT = "acme"
TICK_MS = 50
PATIENT_TICK_MS = 5_000
"""The batching actor's, so that it finds no tick late, however busy the machine is."""
HELD_TOKENS = 4
"""Of a reply at the most, before it may be shown: the longer part of it is still to come then."""


class Premises:
    """What a session needs around it. The states of utterances are dictated: `head.state`."""

    def __init__(
        self,
        folder: Path,
        url: str,
        stack: AsyncExitStack,
        *,
        max_reply_tokens: int = 24,
        write: Callable[[Path], Path] | None = None,
    ) -> None:
        """`write` puts a model into a folder, if it is to be another one than a random one."""
        self._write = write
        self._folder = folder
        self._url = url
        self._stack = stack
        self._max_reply_tokens = max_reply_tokens
        self._num_sessions = 0
        self.heads: list[DictatedHead] = []
        self.batchers: list[BatcherProcess] = []
        self.store: Store
        self.settings = Settings()

    async def open(
        self,
        *,
        sessions: SessionSettings | None = None,
        store: StoreSettings | None = None,
        cluster: ClusterSettings | None = None,
    ) -> None:
        """Connect to the store, and start a batching actor."""
        self._cluster = cluster or ClusterSettings()
        self._sessions, self._store_settings = sessions, store or StoreSettings()
        self.store = await self.another_store()
        await self.start_batcher()

    async def another_store(self) -> Store:
        """A connection of its own."""
        store = await Store.connect(self._url, self._store_settings)
        self._stack.push_async_callback(store.aclose)
        return store

    async def start_batcher(
        self, *, max_sessions: int = 8, vocab_size: int = VOCAB_SIZE, drain_ms: int = 30_000
    ) -> BatcherProcess:
        """A batching actor more, which announces itself; of another vocabulary, if that is said."""
        name = f"batcher-{len(self.batchers)}"
        assembly, head = tiny_assembly(
            self._folder / name,
            max_reply_tokens=self._max_reply_tokens,
            vocab_size=vocab_size,
            write=self._write,
        )
        self.settings = Settings(
            model=ModelSettings(name="tiny"),  # in whatever folder it lies
            store=replace(self._store_settings, url=self._url),
            batching=BatchingSettings(gather_ms=0, max_sessions=max_sessions, drain_ms=drain_ms),
            sessions=self._sessions or SessionSettings(sleep_after_ms=AWAKE_MS),
            decoding=replace(assembly.setup.decoding, tick_ms=TICK_MS),
            sampling=assembly.setup.sampling,
            floor=FloorSettings(held_reply_tokens=HELD_TOKENS),
            cluster=self._cluster,
        )
        batcher = await self._serve(assembly, name)
        self.heads.append(head)
        self.batchers.append(batcher)
        return batcher

    async def _serve(self, assembly: Assembly, name: str) -> BatcherProcess:
        options = BatcherOptions(name, node_id="here", stop_within_s=0.1)
        decoding = replace(self.settings.decoding, tick_ms=PATIENT_TICK_MS)
        settings = replace(self.settings, decoding=decoding)
        batcher = BatcherProcess(assembly, settings, options, announcer=self.store)
        await batcher.start()
        self._stack.push_async_callback(batcher.stop)
        return batcher

    def dictate(self, state: State) -> None:
        """What every utterance is from now on."""
        for head in self.heads:
            assert isinstance(head, StateHead)
            head.state = state

    async def server(
        self, *, node_id: str = "here", tracing: Tracing | None = None
    ) -> SessionServer:
        """A process for sessions, but for the process."""
        server = SessionServer(
            *(await self.another_store(), self.settings),
            node_id=node_id,
            owner="test",
            tracing=tracing,
        )
        self._stack.push_async_callback(server.stop)
        await server.start()
        return server

    async def session(self, config: SessionConfig | None = None) -> str:
        """A new session of the tenant."""
        self._num_sessions += 1
        session_id = f"{self._folder.name}-{self._num_sessions}"
        await self.store.create_session(
            SessionRecord(
                TENANT, session_id, config_to_bytes(config or SessionConfig()), b"digest", 1
            )
        )
        return session_id


async def come(
    premises: Premises,
    server: SessionServer,
    stack: AsyncExitStack,
    session_id: str | None = None,
) -> tuple[Guest, Bound]:
    """A guest at a session that was brought to life for it."""
    guest = Guest(TENANT, session_id or await premises.session())
    bound = await server.bind(TENANT, guest.session_id, 0)
    stack.push_async_callback(guest.detach)
    await guest.attach(bound)
    return guest, bound
