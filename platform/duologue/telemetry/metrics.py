"""The metrics of gateways and of batching actors, each set on a registry of its own.

Session actors have none: they come and go, and what clients notice is measured at the gateway.
"""

import threading
from contextlib import suppress
from typing import Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    make_wsgi_app,
    start_http_server,
)

from duologue.certificates import Certificates
from duologue.errors import InvalidSetting
from duologue.telemetry import names
from duologue.telemetry.build_info import tell_build
from duologue.telemetry.metrics_readers import MetricsReaders
from duologue.telemetry.tenant_forwards import TenantForwards
from duologue.telemetry.tenant_metrics import MAX_NAMED_TENANTS, TenantMetrics

PORTS_TO_TRY = 64


class GatewayMetrics:
    """What clients notice, what a gateway is busy with, and how it finds store and cluster."""

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        max_named_tenants: int = MAX_NAMED_TENANTS,
    ) -> None:
        self.registry = registry = registry or CollectorRegistry()
        self.tenants = TenantMetrics(registry, max_named_tenants)
        tell_build(registry, "gateway")
        self.time_to_first_token = Histogram(
            names.TIME_TO_FIRST_TOKEN,
            "From the last input of an utterance to the first text of the reply to it.",
            buckets=names.LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.inter_token_latency = Histogram(
            names.INTER_TOKEN_LATENCY,
            "Between two pieces of text of one reply.",
            buckets=names.FORWARD_BUCKETS_S,
            registry=registry,
        )
        self.yield_latency = Histogram(
            names.YIELD_LATENCY,
            "From the last input of an utterance until the reply that it cut fell silent.",
            buckets=names.LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.open_seconds = Histogram(
            names.OPEN_SECONDS,
            "From a client's request to its session being ready.",
            ["kind"],
            buckets=names.LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.interruptions = Counter(
            names.INTERRUPTIONS, "Replies that were cut by the user.", registry=registry
        )
        self.decisions = Counter(
            names.DECISIONS, "Judgements of utterances, by state.", ["state"], registry=registry
        )
        self.taken_back = Counter(
            names.TAKEN_BACK_DECISIONS,
            "Queries that went on before anything of a reply was told.",
            registry=registry,
        )
        self.responses = Counter(
            names.RESPONSES, "Replies that ended, by reason.", ["reason"], registry=registry
        )
        self.streams = Gauge(names.STREAMS, "Open conversations.", registry=registry)
        self.streams_limit = Gauge(
            names.STREAMS_LIMIT, "Conversations that this gateway carries.", registry=registry
        )
        self.queue_depth = Gauge(
            names.QUEUE_DEPTH, "Sessions that wait for room.", registry=registry
        )
        self.rejections = Counter(
            names.REJECTIONS,
            "Calls that were refused, by gRPC's code and our reason.",
            ["code", "reason"],
            registry=registry,
        )
        self.moves = Counter(
            names.REBINDINGS, "Sessions bound anew under an open conversation.", registry=registry
        )
        self.events = Counter(
            names.EVENTS, "Events by direction.", ["direction"], registry=registry
        )
        self.nodes = Gauge(
            names.NODES,
            "Nodes in the store: open to sessions, full, or draining.",
            ["state"],
            registry=registry,
        )
        self.live_sessions = Gauge(
            names.LIVE_SESSIONS, "Live sessions on all nodes.", registry=registry
        )
        self.live_sessions_limit = Gauge(
            names.LIVE_SESSIONS_LIMIT,
            "Live sessions that all nodes may have; a draining one has no place but those in use.",
            registry=registry,
        )
        self.store_check = Histogram(
            names.STORE_CHECK,
            "How long the store took to answer this gateway's check, once a second.",
            buckets=names.STORE_BUCKETS_S,
            registry=registry,
        )
        self.store_check_failures = Counter(
            names.STORE_CHECK_FAILURES, "Checks that the store did not answer.", registry=registry
        )
        self.certificate_left = _certificate_gauge(registry)


class BatcherMetrics:
    """What a model is busy with."""

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        model: str = "",
        device: str = "",
        max_named_tenants: int = MAX_NAMED_TENANTS,
    ) -> None:
        self.registry = registry = registry or CollectorRegistry()
        self.tenants = TenantForwards(registry, max_named_tenants)
        tell_build(registry, "batcher", model=model, device=device)
        self.healthy = Gauge(
            names.HEALTHY, "1 if a real forward ended lately, 0 otherwise.", registry=registry
        )
        self.tick_duration = Histogram(
            names.TICK_DURATION,
            "The longest time from taking a slice in to its result, per tick.",
            buckets=names.FORWARD_BUCKETS_S,
            registry=registry,
        )
        self.tick_deadline = Gauge(
            names.TICK_DEADLINE, "What a tick's duration is to stay under.", registry=registry
        )
        self.ticks = Counter(names.TICKS, "Ticks with slices.", registry=registry)
        self.missed_ticks = Counter(
            names.MISSED_TICKS, "Ticks that ended after their deadline.", registry=registry
        )
        self.missed_slices = Counter(
            names.MISSED_SLICES, "Slices that were done after they were due.", registry=registry
        )
        self.forward_duration = Histogram(
            names.FORWARD_DURATION,
            "Merged forwards.",
            buckets=names.FORWARD_BUCKETS_S,
            registry=registry,
        )
        self.batch_rows = Histogram(
            names.BATCH_ROWS,
            "Rows in a merged forward.",
            buckets=names.ROWS_BUCKETS,
            registry=registry,
        )
        self.slices = Counter(names.SLICES, "Slices that are done.", registry=registry)
        self.tokens = Counter(
            names.TOKENS, "Tokens heard and said.", ["direction"], registry=registry
        )
        self.seats = Gauge(names.SEATS, "Sessions that are seated.", registry=registry)
        self.seats_limit = Gauge(names.SEATS_LIMIT, "Sessions that it seats.", registry=registry)
        self.cells = Gauge(
            names.CELLS, "Cells, by whether they are used.", ["use"], registry=registry
        )
        self.kv_bytes = Gauge(names.KV_BYTES, "Memory for keys and values.", registry=registry)
        self.kv_budget = Gauge(
            names.KV_BUDGET, "How much memory for keys and values it may take.", registry=registry
        )
        self.kv_reclaims = Counter(
            names.KV_RECLAIMS,
            "Sessions whose cells were taken back because memory had run out.",
            registry=registry,
        )
        self.shedding_level = Gauge(
            names.SHEDDING_LEVEL,
            "What is left out because of load: 0 nothing, 1 look-ahead, 2 reply tokens, "
            "3 new sessions.",
            registry=registry,
        )
        self.certificate_left = _certificate_gauge(registry)


def _certificate_gauge(registry: CollectorRegistry) -> Gauge:
    return Gauge(
        names.CERTIFICATE_LEFT,
        "How long a certificate is still valid, by whose it is: the gateway's or the cluster's.",
        ["whose"],
        registry=registry,
    )


def tell_certificate(gauge: Gauge, whose: str, certificates: Certificates | None) -> None:
    """How long it is still valid, whenever somebody asks."""
    if certificates is not None:
        gauge.labels(whose).set_function(certificates.left_s)


class MetricsPort:
    """Serves a registry by HTTP, by TLS to certain readers, from a thread, until it is closed."""

    def __init__(
        self,
        registry: CollectorRegistry,
        host: str,
        port: int,
        readers: MetricsReaders | None = None,
    ) -> None:
        """Port 0 takes a free one. Raises InvalidSetting if it cannot be had."""
        # One more series for each count, which nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        try:
            if readers is None:
                self._server, self._thread = start_http_server(port, host, registry)
            else:
                self._server = readers.server(host, port, make_wsgi_app(registry))
                self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
                self._thread.start()
        except OSError as error:
            raise InvalidSetting(
                f"must be a port that is free, not {port}: {error}", field="metrics_port"
            ) from error

    @classmethod
    def first_free(
        cls,
        registry: CollectorRegistry,
        host: str,
        first: int,
        readers: MetricsReaders | None = None,
    ) -> Self:
        """At this port, or at the first behind it that is free: for several on one machine.

        Raises InvalidSetting if all of them are taken.
        """
        *others, last = range(first, first + PORTS_TO_TRY) if first else (0,)
        for port in others:
            with suppress(InvalidSetting):
                return cls(registry, host, port, readers)
        return cls(registry, host, last, readers)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def close(self) -> None:
        """End the thread and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
