"""Certificates for a platform of one's own: of one authority, for its processes and its callers."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from duologue.cli.endpoint import Endpoint
from duologue.cluster_settings import ClusterSettings

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Identity:
    """One certificate for everybody, at the gateway and inside."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> "Identity":
        """By the program openssl."""
        ca, ca_key = folder / "ca.crt", folder / "ca.key"
        certificate, key, request = folder / "tls.crt", folder / "tls.key", folder / "tls.csr"
        names = folder / "names"
        names.write_text(f"subjectAltName=DNS:{ClusterSettings().name},IP:127.0.0.1\n")
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", "/CN=benchmark"),
            *("-addext", "basicConstraints=critical,CA:TRUE", "-keyout", ca_key, "-out", ca),
        )
        _openssl("req", *_NEW_KEY, "-subj", "/CN=platform", "-keyout", key, "-out", request)
        _openssl(
            *("x509", "-req", "-in", request, "-days", "2", "-CA", ca, "-CAkey", ca_key),
            *("-CAcreateserial", "-extfile", names, "-out", certificate),
        )
        return cls(ca, certificate, key)

    @property
    def settings(self) -> list[str]:
        """Of a platform with mutual TLS everywhere (`section.name=value`)."""
        return [
            f"gateway.tls_certificate={self.certificate}",
            f"gateway.tls_key={self.key}",
            f"gateway.tls_client_ca={self.ca}",
            f"cluster.certificate={self.certificate}",
            f"cluster.key={self.key}",
            f"cluster.ca={self.ca}",
        ]

    def shown_at(self, endpoint: Endpoint) -> Endpoint:
        """Where clients show it."""
        return replace(
            endpoint,
            tls_ca=str(self.ca),
            tls_certificate=str(self.certificate),
            tls_key=str(self.key),
        )


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(("openssl", *map(str, arguments)), check=True, capture_output=True)
