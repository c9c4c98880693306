"""Which server certificates a caller trusts, and which certificate of its own it shows."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from duologue.errors import InvalidSetting

TLS_SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Trust:
    """Of a channel that speaks TLS."""

    ca: str | Path
    """A PEM file with certificates, or "system" for those of this machine."""
    certificate: str | Path | None = None
    """A PEM file with the caller's own certificate, for servers that ask for one."""
    key: str | Path | None = None
    """Its key."""

    def credentials(self) -> grpc.ChannelCredentials:
        """By the files as they are now; raises InvalidSetting with what is wrong with which."""
        roots = None if self.ca == TLS_SYSTEM else _read(Path(self.ca))
        if self.certificate is None and self.key is None:
            return grpc.ssl_channel_credentials(roots)
        if self.certificate is None or self.key is None:
            raise InvalidSetting("tls_certificate and tls_key must be given together")
        # Only here: probes without a certificate have nothing to try out.
        from duologue.certificate_files import CertificateFiles, PemFile

        shown = CertificateFiles(
            PemFile("tls_certificate", Path(self.certificate)), PemFile("tls_key", Path(self.key))
        ).read()
        return grpc.ssl_channel_credentials(roots, shown.key, shown.certificate)


def trust(
    ca: str | Path | None, certificate: str | Path | None = None, key: str | Path | None = None
) -> Trust | None:
    """None for a caller that speaks no TLS; raises InvalidSetting for one that shows a certificate
    all the same."""
    if ca is not None:
        return Trust(ca, certificate, key)
    if certificate is not None or key is not None:
        raise InvalidSetting("tls_certificate and tls_key must be given with what is to be trusted")
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidSetting(f"cannot be read: {error}", field="tls_ca") from error
