"""A batching actor in a thread with an event loop of its own, for a process that has another one.

This module imports no torch: what the libraries that compute are to be told by the environment has
to be said before they are loaded.
"""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from duologue.actors.batcher_options import BatcherOptions
from duologue.cluster_status import BatcherStatus
from duologue.cores import ROOT, usable_cores
from duologue.errors import StoreIncompatible, StoreUnavailable
from duologue.hosting.scaling import BatcherDemand
from duologue.service_settings import StoreSettings
from duologue.settings import Settings

if TYPE_CHECKING:
    from duologue.actors.batcher import BatcherProcess
    from duologue.runtime.assembly import Assembly
    from duologue.store.store import Store

log = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005
"""How long a thread may keep the interpreter while another one wants it. The thread of forwards
wants it back after each of its hundreds of operations; with Python's own 5 ms, every one of them
could wait that long for the event loop."""

STORE_ATTEMPTS, STORE_AGAIN_S = 60, 2.0

OnFailure = Callable[[str], None]
"""on_failure(reason): the actor is beyond help; called on the host's thread."""


@dataclass
class BatcherHost:
    """Loads the model that the settings name and serves it until `stop`."""

    settings: Settings
    options: BatcherOptions
    on_failure: OnFailure
    _ready: "Future[BatcherProcess]" = field(default_factory=Future)
    _stop: Callable[[], object] | None = None
    _thread: threading.Thread | None = None
    _event_loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> str:
        """Returns the address once sessions can come; raises what kept it from that."""
        if self.settings.batching.threads is None:
            batching = replace(self.settings.batching, threads=threads_beside_others())
            self.settings = replace(self.settings, batching=batching)
        for name, value in self.options.environment.items():
            os.environ.setdefault(name, value)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()
        return self._ready.result().address

    @property
    def status(self) -> BatcherStatus:
        """How it stands."""
        return self._ready.result().status

    @property
    def demand(self) -> BatcherDemand:
        """What it says about how many batching actors there should be."""
        return self._ready.result().demand

    @property
    def is_over(self) -> bool:
        """Whether it was stopped, or did not start."""
        return self._thread is None or not self._thread.is_alive()

    def drain(self) -> int:
        """Let sessions go elsewhere; waits for it, and returns how many stayed."""
        batcher, event_loop = self._ready.result(), self._event_loop
        assert event_loop is not None, "it is ready, and has no loop"
        return asyncio.run_coroutine_threadsafe(batcher.drain(), event_loop).result()

    def stop(self) -> None:
        """Take the seats away and end; waits for it."""
        if self._stop is not None:
            self._stop()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            _run_in_uvloop(self._serve())
        except BaseException as error:
            if self._ready.done():
                log.exception("the batching actor failed")
                self.on_failure(repr(error))
            else:
                self._ready.set_exception(error)

    async def _serve(self) -> None:
        from duologue.actors.batcher import BatcherProcess
        from duologue.actors.batcher_telemetry import BatcherTelemetry

        stopping, event_loop = asyncio.Event(), asyncio.get_running_loop()
        self._event_loop = event_loop
        # On a thread that ends with it. One that has computed keeps helpers (OpenMP's team), and
        # with more of them than cores every step of a forward waits asleep: 1.6 times as long.
        with ThreadPoolExecutor(1, "load") as loader:
            assembly = await event_loop.run_in_executor(loader, _load, self.settings)
        telemetry = BatcherTelemetry(self.settings, assembly, self.options)
        url = self.settings.store.url
        store = await _connected(url, self.settings.store) if url is not None else None
        try:
            batcher = BatcherProcess(
                assembly,
                self.settings,
                self.options,
                announcer=store,
                observer=telemetry.observer,
            )
            telemetry.watch(lambda: batcher.is_healthy)
            async with batcher:
                self._stop = partial(event_loop.call_soon_threadsafe, stopping.set)
                self._ready.set_result(batcher)
                reason = await _first(stopping.wait(), batcher.failed())
            if isinstance(reason, str):
                self.on_failure(reason)
        finally:
            if store is not None:
                await store.aclose()
            await asyncio.to_thread(telemetry.close)


def threads_beside_others(root: Path = ROOT) -> int:
    """Threads of a forward that leave a core to everything else.

    A forward is as fast as its slowest thread, so one thread too many costs more than it brings.
    """
    return max(1, usable_cores(root) - 1)


def _load(settings: Settings) -> "Assembly":
    """The model, and an interpreter that does not search it for garbage time and again."""
    import torch

    from duologue.runtime.assembly import assemble

    if settings.batching.threads is not None:
        torch.set_num_threads(settings.batching.threads)  # for the warm-up, which is here
    assembly = assemble(settings)
    gc.collect()
    gc.freeze()
    return assembly


async def _connected(url: str, settings: StoreSettings) -> "Store":
    """To a store that may come later than this actor, where a cluster starts as a whole.

    Raises StoreUnavailable when it does not, StoreIncompatible at once.
    """
    from duologue.store.store import Store

    for _ in range(STORE_ATTEMPTS - 1):
        try:
            return await Store.connect(url, settings)
        except StoreIncompatible:
            raise
        except StoreUnavailable as error:
            log.warning("the store is waited for: %s", error)
            await asyncio.sleep(STORE_AGAIN_S)
    return await Store.connect(url, settings)


async def _first(*coroutines: Coroutine[Any, Any, object]) -> object:
    """What the first to end returns; the others are cancelled."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return next(iter(done)).result()


def _run_in_uvloop(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
