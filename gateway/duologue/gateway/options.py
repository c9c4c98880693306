"""How the gateway's port and its channels are set up.

Without the two lines on flow control, a stream that nobody reads takes 4 MB before it holds back.
"""

from collections.abc import Sequence

from duologue.proxies import PAST_PROXIES
from duologue.service_settings import GatewaySettings

Options = Sequence[tuple[str, int | str]]

_FLOW: Options = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536))

INTERNAL: Options = (
    *_FLOW,
    *PAST_PROXIES,
    # A frozen or vanished process is noticed by its missing answers.
    ("grpc.keepalive_time_ms", 15_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    # What breaks is taken up again by the relay, which knows what was passed on.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
"""Of channels to node agents and session actors."""


def server_options(settings: GatewaySettings) -> Options:
    """Of the port to which clients come."""
    return (
        *_FLOW,
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        # Behind balancers, streams come to new gateways only when connections end now and then.
        ("grpc.max_connection_age_ms", 3_600_000),
        ("grpc.max_connection_age_grace_ms", 120_000),
        # Above our own limit, which is answered by an error; this one lets clients wait unanswered.
        ("grpc.max_concurrent_streams", settings.max_streams + 64),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_metadata_size", 16_384),
        # Two gateways at one port would be an accident, and share the clients in silence.
        ("grpc.so_reuseport", 0),
    )
