"""How the streams between actors are set up.

Without the two lines on flow control, a stream that nobody reads holds back only after 4 MB.
Retries are ours: a stream that breaks is taken up again by whoever owns the session.
"""

from collections.abc import Sequence

from duologue.proxies import PAST_PROXIES

Options = Sequence[tuple[str, int | str]]

_BOTH: Options = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 65_536),
)

CLIENT: Options = (
    *_BOTH,
    *PAST_PROXIES,
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)

SERVER: Options = (*_BOTH, ("grpc.http2.min_ping_interval_without_data_ms", 10_000))
