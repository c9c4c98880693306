"""The settings of the distributed service; the same manner as `settings.py`."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from duologue.setting_checks import check, check_choice, check_number, check_range
from duologue.store.address import StoreAddress

LogFormat = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where sessions are kept."""

    url: str | None = field(default=None, repr=False)
    """A Redis or Valkey, by its URL: redis://, rediss:// or unix:// for one server, else
    redis+sentinel:// or redis+cluster://; None starts an embedded Valkey."""
    data_dir: str | None = None
    """Where the embedded Valkey keeps its data; None keeps it only as long as it runs."""
    lease_ms: int = 3_000
    """How long a session's owner is taken to be alive after its last sign of life."""
    session_ttl_s: int = 86_400
    """How long a session is kept that nobody uses."""
    journal_entries: int = 400
    """A session writes a checkpoint, at a silent moment, after so many entries of its journal."""

    def __post_init__(self) -> None:
        if self.url is not None:
            StoreAddress.parse(self.url)
        check(self.data_dir != "", "store.data_dir", "a path or none", self.data_dir)
        check_range("store.lease_ms", self.lease_ms, 500, 600_000)
        check_range("store.session_ttl_s", self.session_ttl_s, 10, 31_536_000)
        check_range("store.journal_entries", self.journal_entries, 10, 100_000)


@dataclass(frozen=True, slots=True)
class BatchingSettings:
    """The actors that hold the model."""

    num_batchers: int = 1
    """Batching actors of a model, one per device; the least of them where their number follows the
    load."""
    max_batchers: int | None = None
    """The most of them; none is a fixed number."""
    scale_up_after_s: float = 15.0
    """For how long more of them must have been wanted before one is added."""
    scale_down_after_s: float = 600.0
    """For how long fewer must have been enough before one is taken away."""
    drain_ms: int = 30_000
    """How long sessions may take to leave one that is taken away or replaced."""
    surge_percent: int = 100
    """How many more there may be while they are replaced, of their number. With 0 the old ones go
    first: there need be no device for both, and sessions wait while a model is loaded."""
    max_sessions: int = 64
    """Sessions that one of them seats."""
    threads: int | None = None
    """Threads of a forward on the CPU; None takes one fewer than there are cores."""
    gather_ms: int = 4
    """How long the first slice after a pause waits for others before the forward starts; with 0, no
    forward ever waits for company."""
    fair_shares: bool = True
    """Whether tenants get fair shares of the forwards when more is asked for than a tick holds;
    otherwise whoever has more sessions has more of them."""
    healthy_within_ms: int = 5_000
    """A batching actor is healthy if a real forward ended within this time."""
    metrics_port: int | None = None
    """Port for Prometheus metrics; where it is taken, the first free one of the 63 behind it. None
    for no port, 0 for a free one."""

    def __post_init__(self) -> None:
        check_range("batching.num_batchers", self.num_batchers, 1, 1024)
        if self.max_batchers is not None:
            check_range("batching.max_batchers", self.max_batchers, self.num_batchers, 1024)
        check_number("batching.scale_up_after_s", self.scale_up_after_s, 0.0, 86_400.0)
        check_number("batching.scale_down_after_s", self.scale_down_after_s, 0.0, 86_400.0)
        check_range("batching.drain_ms", self.drain_ms, 0, 3_600_000)
        check_range("batching.surge_percent", self.surge_percent, 0, 100)
        check_range("batching.max_sessions", self.max_sessions, 1, 100_000)
        if self.threads is not None:
            check_range("batching.threads", self.threads, 1, 1024)
        check_range("batching.gather_ms", self.gather_ms, 0, 1000)
        check_range("batching.healthy_within_ms", self.healthy_within_ms, 100, 600_000)
        if self.metrics_port is not None:
            check_range("batching.metrics_port", self.metrics_port, 0, 65_535)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """The actors that hold the sessions."""

    warm_actors: int = 4
    """Actors that wait for a session on each node."""
    max_sessions: int = 64
    """Sessions that are live on one node."""
    sleep_after_ms: int = 30_000
    """A session that was silent for so long goes to sleep; its next input wakes it."""
    recent_events: int = 512
    """Events that a session keeps for clients that resume."""
    unseen_events: int = 128
    """Events that may wait for a connected client; beyond it the reply waits."""
    max_utterance_chars: int = 8_000
    """Length of an utterance in progress."""
    default_output_tokens_per_minute: int | None = None
    """Reply tokens in a minute of a tenant for whom nothing else is said; none for no limit."""
    default_max_cells: int | None = None
    """Key/value cells that its sessions hold at once at a batching actor; none for no limit."""

    def __post_init__(self) -> None:
        check_range("sessions.warm_actors", self.warm_actors, 0, 10_000)
        check_range("sessions.max_sessions", self.max_sessions, 1, 100_000)
        check_range("sessions.sleep_after_ms", self.sleep_after_ms, 100, 86_400_000)
        check_range("sessions.recent_events", self.recent_events, 16, 100_000)
        check_range("sessions.unseen_events", self.unseen_events, 1, self.recent_events)
        check_range("sessions.max_utterance_chars", self.max_utterance_chars, 1, 10_000_000)
        for name in ("default_output_tokens_per_minute", "default_max_cells"):
            if (value := getattr(self, name)) is not None:
                check_range(f"sessions.{name}", value, 1, 2**32 - 1)


PLAYGROUND_PATH = "/playground"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where clients come in, and how much of them."""

    host: str = "127.0.0.1"
    """The address to listen at."""
    port: int = 50_051
    """The port to listen at; 0 takes a free one."""
    http_port: int | None = None
    """Port for clients of OpenAI's API, over HTTP and WebSocket; none for no port, 0 for a free
    one."""
    playground: bool = False
    """Whether that port has a page to converse on, at `/playground`."""
    tls_certificate: str | None = None
    """PEM file with the server's certificate chain; with `tls_key`, both ports speak TLS."""
    tls_key: str | None = None
    """PEM file with the certificate's key."""
    tls_client_ca: str | None = None
    """PEM file with the authorities whose certificates clients have to show; none asks for none."""
    max_message_bytes: int = 65_536
    """Size of one message from a client."""
    max_streams: int = 1_000
    """Conversations that one gateway carries."""
    max_streams_of_tenant: int = 500
    """Those of one tenant among them, whether anything was said in them, and also asleep."""
    outbox_events: int = 64
    """Events that wait to be written to one client."""
    queue_length: int = 100
    """Sessions that wait for room; further ones are refused."""
    queue_ms: int = 10_000
    """How long a session waits for room."""
    unary_ms: int = 5_000
    """Deadline of calls other than conversations."""
    calls_per_minute: int = 6_000
    """Such calls of one tenant at one gateway in a minute; at most 100 are open at once."""
    drain_ms: int = 30_000
    """How long open conversations go on after the gateway was told to stop."""
    reflection: bool = False
    """Whether the port tells which services it has."""
    metrics_port: int | None = None
    """Port for Prometheus metrics; none for no port, 0 for a free one."""
    default_max_sessions: int = 100
    """Live sessions of a tenant for whom nothing else is said."""
    default_opens_per_minute: int = 600
    """Sessions that such a tenant opens in a minute."""
    default_input_chars_per_minute: int = 1_000_000
    """Characters that such a tenant sends in a minute."""
    max_kept_sessions: int = 100_000
    """Sessions of one tenant that are kept, those that are closed included."""
    max_kept_mib: int = 256
    """Memory of the store that one tenant's sessions may take together."""

    def __post_init__(self) -> None:
        check(bool(self.host), "gateway.host", "an address", self.host)
        check_range("gateway.port", self.port, 0, 65_535)
        if self.http_port is not None:
            check_range("gateway.http_port", self.http_port, 0, 65_535)
            is_another = self.http_port == 0 or self.http_port != self.port
            rule = "another port than gateway.port"
            check(is_another, "gateway.http_port", rule, self.http_port)
        has_place = not self.playground or self.http_port is not None
        rule = "set together with gateway.http_port, which serves the page"
        check(has_place, "gateway.playground", rule, self.playground)
        has_both = (self.tls_certificate is None) == (self.tls_key is None)
        check(has_both, "gateway.tls_key", "set together with gateway.tls_certificate", None)
        has_use = self.tls_client_ca is None or self.tls_certificate is not None
        rule = "set together with gateway.tls_certificate"
        check(has_use, "gateway.tls_client_ca", rule, self.tls_client_ca)
        check_range("gateway.max_message_bytes", self.max_message_bytes, 1_024, 2**26)
        check_range("gateway.max_streams", self.max_streams, 1, 1_000_000)
        check_range("gateway.max_streams_of_tenant", self.max_streams_of_tenant, 1, 1_000_000)
        check_range("gateway.outbox_events", self.outbox_events, 1, 100_000)
        check_range("gateway.queue_length", self.queue_length, 0, 1_000_000)
        check_range("gateway.queue_ms", self.queue_ms, 0, 3_600_000)
        check_range("gateway.unary_ms", self.unary_ms, 1, 600_000)
        check_range("gateway.calls_per_minute", self.calls_per_minute, 1, 10**9)
        check_range("gateway.drain_ms", self.drain_ms, 0, 3_600_000)
        if self.metrics_port is not None:
            check_range("gateway.metrics_port", self.metrics_port, 0, 65_535)
        check_range("gateway.default_max_sessions", self.default_max_sessions, 1, 10_000_000)
        check_range("gateway.default_opens_per_minute", self.default_opens_per_minute, 1, 10**9)
        check_range(
            "gateway.default_input_chars_per_minute", self.default_input_chars_per_minute, 1, 10**12
        )
        check_range("gateway.max_kept_sessions", self.max_kept_sessions, 1, 10**9)
        check_range("gateway.max_kept_mib", self.max_kept_mib, 1, 2**24)

    def playground_url(self, http_address: str | None) -> str | None:
        """Where the page is, for people; None where there is none."""
        if http_address is None or not self.playground:
            return None
        scheme = "http" if self.tls_certificate is None else "https"
        return f"{scheme}://{http_address}{PLAYGROUND_PATH}"


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What is told of the service's inner life."""

    otlp_endpoint: str | None = None
    """Where traces go by OTLP over gRPC; none writes them to files."""
    trace_dir: str | None = None
    """Folder of those files; none is a folder below the user's cache."""
    sample_ratio: float = 1.0
    """Share of sessions that are traced."""
    slices: bool = True
    """Whether single slices have spans; turns always have."""
    named_tenants: int = 100
    """Tenants that a gateway's metrics tell of by name; the others are counted together."""
    log_format: LogFormat = "text"
    """"text": lines for people; "json": an object per entry, with the trace of its session."""

    def __post_init__(self) -> None:
        check(self.otlp_endpoint != "", "telemetry.otlp_endpoint", "a URL or none", "")
        check(self.trace_dir != "", "telemetry.trace_dir", "a path or none", self.trace_dir)
        check_number("telemetry.sample_ratio", self.sample_ratio, 0.0, 1.0)
        check_choice("telemetry.log_format", self.log_format, get_args(LogFormat))
        check_range("telemetry.named_tenants", self.named_tenants, 0, 10_000)
