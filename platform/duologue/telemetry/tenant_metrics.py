"""What single tenants make of a gateway: a bounded number of them by name, the rest together."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge

from duologue.telemetry import names

MAX_NAMED_TENANTS = 100


class TenantNames:
    """Who is named: the first so many that come, for as long as the process lasts.

    So the number of time series is bounded whatever tenants there are, and no series ends while its
    tenant goes on. Whoever comes later counts as `other`, and so does a tenant that is called so.
    """

    def __init__(self, max_named: int) -> None:
        self._max_named = max_named
        self._named: set[str] = set()

    def label(self, tenant_id: str) -> str:
        """By what a tenant is told of."""
        if tenant_id not in self._named:
            if len(self._named) >= self._max_named:
                return names.OTHER_TENANTS
            self._named.add(tenant_id)
        return tenant_id


class TenantMetrics:
    """Counts by tenant. Only those come here whose key is valid."""

    def __init__(self, registry: CollectorRegistry, max_named: int = MAX_NAMED_TENANTS) -> None:
        self._names = TenantNames(max_named)
        self._streams = Gauge(
            names.TENANT_STREAMS, "Open conversations.", ["tenant"], registry=registry
        )
        self._sessions = Counter(
            names.TENANT_SESSIONS, "Sessions that were made.", ["tenant"], registry=registry
        )
        self._input_characters = Counter(
            names.TENANT_INPUT_CHARACTERS,
            "New characters of input, as they count against the tenant's limit.",
            ["tenant"],
            registry=registry,
        )
        self._tokens = Counter(
            names.TENANT_TOKENS,
            "Tokens heard and said, as far as clients were told.",
            ["tenant", "direction"],
            registry=registry,
        )
        self._quota_waits = Counter(
            names.TENANT_QUOTA_WAITS,
            "Times that a reply had to wait for the tenant's reply tokens.",
            ["tenant"],
            registry=registry,
        )
        self._rejections = Counter(
            names.TENANT_REJECTIONS,
            "Calls that were refused, by reason.",
            ["tenant", "reason"],
            registry=registry,
        )

    @contextmanager
    def conversing(self, tenant_id: str) -> Iterator[None]:
        """One of its conversations is open for as long as the block."""
        streams = self._streams.labels(self._names.label(tenant_id))
        streams.inc()
        try:
            yield
        finally:
            streams.dec()

    def session_made(self, tenant_id: str) -> None:
        """A session was made, whether or not it is talked to yet."""
        self._sessions.labels(self._names.label(tenant_id)).inc()

    def said(self, tenant_id: str, num_chars: int) -> None:
        """So much new text came in."""
        self._input_characters.labels(self._names.label(tenant_id)).inc(num_chars)

    def used(self, tenant_id: str, heard_tokens: int, said_tokens: int) -> None:
        """So much more was used of the model."""
        label = self._names.label(tenant_id)
        self._tokens.labels(label, "in").inc(heard_tokens)
        self._tokens.labels(label, "out").inc(said_tokens)

    def waits(self, tenant_id: str) -> None:
        """A reply has to wait for the tenant's tokens."""
        self._quota_waits.labels(self._names.label(tenant_id)).inc()

    def refused(self, tenant_id: str, reason: str) -> None:
        """One of its calls was refused."""
        self._rejections.labels(self._names.label(tenant_id), reason).inc()
