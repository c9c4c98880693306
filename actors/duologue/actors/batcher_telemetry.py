"""What a batching actor tells of its inner life: spans of its ticks, and metrics."""

from collections.abc import Callable

from duologue.actors.batcher_options import BatcherOptions
from duologue.batching.load_plan import Load
from duologue.certificates import cluster_certificates
from duologue.clock import TickClock
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.memory import KVMemory
from duologue.runtime.assembly import Assembly
from duologue.settings import Settings
from duologue.telemetry.batch_observer import BatchObserver
from duologue.telemetry.metrics import BatcherMetrics, MetricsPort, tell_certificate
from duologue.telemetry.metrics_readers import MetricsReaders
from duologue.telemetry.tracing import Tracing


class BatcherTelemetry:
    """Tracing and metrics of a process for as long as it serves a model."""

    def __init__(self, settings: Settings, assembly: Assembly, options: BatcherOptions) -> None:
        """Raises InvalidSetting if spans or metrics cannot go where the settings say."""
        self.tracing = Tracing.start(settings.telemetry, "batcher", instance=options.batcher_id)
        memory = assembly.engine.memory
        model = settings.model.name or assembly.model.name  # as sessions call it
        self.metrics = BatcherMetrics(
            model=model,
            device=str(memory.device),
            max_named_tenants=settings.telemetry.named_tenants,
        )
        self.metrics.seats_limit.set(settings.batching.max_sessions)
        self.metrics.kv_budget.set(memory.budget_bytes)
        ticks = TickClock(0.0, settings.decoding.tick_ms)
        self.observer = MemoryObserver(self.tracing, self.metrics, ticks, model, memory)
        certificates = cluster_certificates(settings.cluster)
        tell_certificate(self.metrics.certificate_left, "cluster", certificates)
        self.port = self._open_port(settings, options)

    def watch(self, is_healthy: Callable[[], bool]) -> None:
        """Tell of the health whenever somebody asks for metrics; it is not healthy before."""
        self.metrics.healthy.set_function(lambda: float(is_healthy()))

    def _open_port(self, settings: Settings, options: BatcherOptions) -> MetricsPort | None:
        first = settings.batching.metrics_port
        if first is None:
            return None
        readers = MetricsReaders.of(settings.cluster)
        return MetricsPort.first_free(self.metrics.registry, options.host, first, readers)

    def close(self) -> None:
        """Send what is left; takes a moment."""
        if self.port is not None:
            self.port.close()
        self.tracing.shutdown()


class MemoryObserver(BatchObserver):
    """Looks at the memory too, on the thread that it belongs to."""

    def __init__(
        self,
        tracing: Tracing,
        metrics: BatcherMetrics,
        ticks: TickClock,
        model: str,
        memory: KVMemory,
    ) -> None:
        super().__init__(tracing, metrics, ticks, model)
        self._gauges = metrics
        self._memory = memory

    def tick_began(self, load: Load) -> None:
        super().tick_began(load)
        gauges, memory = self._gauges, self._memory
        num_used = memory.num_cells_used
        num_held = memory.num_blocks_held * CELLS_PER_BLOCK
        gauges.seats.set(load.num_sessions)
        gauges.cells.labels("used").set(num_used)
        gauges.cells.labels("free").set(num_held - num_used)
        gauges.kv_bytes.set(memory.held_bytes)
