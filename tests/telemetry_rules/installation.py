"""An installation whose metrics are set by hand, scraped as Prometheus does it."""

from prometheus_client import CollectorRegistry

from duologue.clock import ManualClock
from duologue.cluster_status import NodeStatus
from duologue.errors import DuologueError
from duologue.gateway.errors import refusal_of
from duologue.gateway.watching import Watcher
from duologue.telemetry.metrics import BatcherMetrics, GatewayMetrics
from tests.telemetry_rules.evaluation import Labels, Scrapes

APART_S = 60.0


def node(*, sessions: int = 1, is_draining: bool = False) -> NodeStatus:
    return NodeStatus("n", "n:1", sessions, 10, warm_actors=1, is_draining=is_draining)


class Installation:
    """Two gateways, and two batching actors of each of two models; all is well at first."""

    def __init__(self, namespace: str = "talk") -> None:
        self.namespace = namespace
        clock = ManualClock(1_700_000_000_000.0)
        self.gateways = [Watcher(clock, None, GatewayMetrics()) for _ in range(2)]
        self.batchers = [BatcherMetrics(model=model) for model in ("one", "one", "two", "two")]
        for gateway in self.gateways:
            gateway.begin()
            gateway.metrics.streams_limit.set(100)
            gateway.metrics.streams.set(40)
            gateway.metrics.queue_depth.set(0)
        for batcher in self.batchers:
            batcher.healthy.set(1)
            batcher.seats_limit.set(64)
            batcher.seats.set(20)
            batcher.kv_budget.set(1000)
            batcher.kv_bytes.set(500)
            batcher.cells.labels("used").set(30)
            batcher.cells.labels("free").set(70)
            batcher.tick_deadline.set(0.16)
        self._go_on()
        self._first = self._scraped()
        self._go_on()

    @property
    def metrics(self) -> GatewayMetrics:
        """Of the first gateway."""
        return self.gateways[0].metrics

    def refuse(self, error: DuologueError, times: int = 1) -> None:
        """At the first gateway, a tenant's calls."""
        for _ in range(times):
            self.gateways[0].refused("acme", refusal_of(error))

    def scrapes(self) -> Scrapes:
        """What Prometheus has: the time before what the test did, and the time after."""
        return Scrapes(self._first, self._scraped(), APART_S)

    def _go_on(self) -> None:
        """A minute in which all is well."""
        for gateway in self.gateways:
            metrics = gateway.metrics
            for _ in range(60):
                gateway.store_checked([node(), node()], 2.0)
            for _ in range(20):
                metrics.time_to_first_token.observe(0.3)
                metrics.yield_latency.observe(0.25)
                metrics.open_seconds.labels("new").observe(0.05)
        for batcher in self.batchers:
            batcher.ticks.inc(300)
            batcher.missed_ticks.inc(3)

    def _scraped(self) -> dict[tuple[str, Labels], float]:
        found: dict[tuple[str, Labels], float] = {}
        for number, gateway in enumerate(self.gateways):
            found |= self._series(gateway.metrics.registry, "gateway", number)
        for number, batcher in enumerate(self.batchers):
            found |= self._series(batcher.registry, "batcher", number)
        return found

    def _series(
        self, registry: CollectorRegistry, job: str, number: int
    ) -> dict[tuple[str, Labels], float]:
        name = f"{job}-{number}"
        target = {"namespace": self.namespace, "job": job, "pod": name, "instance": f"{name}:9464"}
        return {
            (sample.name, frozenset({**sample.labels, **target}.items())): sample.value
            for metric in registry.collect()
            for sample in metric.samples
        }
