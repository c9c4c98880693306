"""Which server certificates a caller trusts."""

from pathlib import Path

import grpc

TLS_SYSTEM = "system"


def trusting(tls_ca: str | Path) -> grpc.ChannelCredentials:
    """The certificates in a PEM file, or with "system" those of this machine; raises OSError."""
    if tls_ca == TLS_SYSTEM:
        return grpc.ssl_channel_credentials()
    return grpc.ssl_channel_credentials(Path(tls_ca).read_bytes())
