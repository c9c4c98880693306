"""A gateway as a process of its own: `duologue gateway`, or `python -m duologue.gateway`."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from duologue.background import running
from duologue.clock import UnixClock
from duologue.errors import InvalidSetting
from duologue.gateway.server import Gateway, serving
from duologue.gateway.watching import Watcher
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.telemetry.logs import start_logging
from duologue.telemetry.metrics import GatewayMetrics, MetricsPort
from duologue.telemetry.metrics_readers import MetricsReaders
from duologue.telemetry.tracing import Tracing

_PARENT_S = 0.25

log = logging.getLogger(__name__)


def run(
    settings: Settings, *, ready_file: Path | None = None, die_with_parent: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal stops at once.

    When it serves, its addresses are printed, and written to `ready_file`: gRPC's, and in another
    line that of OpenAI's API, if there is one. With `die_with_parent` it
    stops without draining when the process that started it has ended, however that ended.
    Raises InvalidSetting, or StoreUnavailable when there is no store to begin with.
    """
    # Asked for at once: a parent that ends while we start must not be missed.
    parent = os.getppid() if die_with_parent else None
    start_logging(settings.telemetry, "gateway")
    uvloop.run(_serve(settings, ready_file, parent))


async def _serve(settings: Settings, ready_file: Path | None, parent: int | None) -> None:
    if settings.store.url is None:
        raise InvalidSetting(
            "must be set for a gateway: `duologue up` brings a store of its own", field="store.url"
        )
    stopping = _Stop()
    async with (
        await Store.connect(settings.store.url, settings.store) as store,
        _watching(settings) as watcher,
        serving(settings, store, watcher=watcher) as gateway,
        running(stopping.watch(parent)),
    ):
        _announce(gateway, ready_file)
        await stopping.asked.wait()
        if not stopping.is_urgent:
            log.info("draining %d conversations", gateway.num_streams)
            async with running(gateway.drain()) as drained:
                urgent = asyncio.create_task(stopping.urged.wait())
                await asyncio.wait({drained, urgent}, return_when=asyncio.FIRST_COMPLETED)
                urgent.cancel()


@asynccontextmanager
async def _watching(settings: Settings) -> AsyncIterator[Watcher]:
    """Traces and metrics, for as long as the block."""
    tracing = Tracing.start(settings.telemetry, "gateway")
    metrics = GatewayMetrics(max_named_tenants=settings.telemetry.named_tenants)
    watcher = Watcher(UnixClock(), tracing, metrics)
    try:
        if settings.gateway.metrics_port is None:
            yield watcher
            return
        where = settings.gateway.host, settings.gateway.metrics_port
        readers = MetricsReaders.of(settings.cluster)
        port = MetricsPort(watcher.metrics.registry, *where, readers)
        try:
            print(f"metrics are at {settings.gateway.host}:{port.port}", flush=True)
            yield watcher
        finally:
            port.close()
    finally:
        await asyncio.to_thread(tracing.shutdown)


def _announce(gateway: Gateway, ready_file: Path | None) -> None:
    if ready_file is not None:
        # Whole or not at all: somebody waits for the file to appear.
        partial = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        addresses = (gateway.address, gateway.http_address)
        partial.write_text("".join(f"{each}\n" for each in addresses if each is not None))
        partial.replace(ready_file)
    # Last: whoever has read it finds the file.
    if gateway.http_address is not None:
        print(f"OpenAI's API is at {gateway.http_address}", flush=True)
    if gateway.playground_url is not None:
        print(f"the playground is at {gateway.playground_url}", flush=True)
    print(f"gateway listens at {gateway.address}", flush=True)


class _Stop:
    """Told by signals, and by the end of the parent."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.urged = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, self._signalled)

    @property
    def is_urgent(self) -> bool:
        return self.urged.is_set()

    def _signalled(self) -> None:
        if self.asked.is_set():
            self.urged.set()
        self.asked.set()

    async def watch(self, parent: int | None) -> None:
        """Look whether the parent is still there; whoever loses it has another one."""
        while parent is not None and os.getppid() == parent:
            await asyncio.sleep(_PARENT_S)
        if parent is not None:
            log.warning("the parent process has ended")
            self.urged.set()
            self.asked.set()
