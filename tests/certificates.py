"""Certificates for tests of TLS, made by the library that Python's ssl is built with."""

import ssl
import subprocess
from pathlib import Path


def make_certificate(folder: Path, name: str = "IP:127.0.0.1") -> tuple[Path, Path]:
    """For this name: the certificate, which is its own authority, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=duologue", "-keyout", str(key)),
            *("-addext", f"subjectAltName={name}", "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    ssl.create_default_context(cafile=str(certificate))
    return certificate, key
