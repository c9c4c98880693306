"""Certificates for tests of TLS, made by the library that Python's ssl is built with."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def make_certificate(folder: Path, name: str = "IP:127.0.0.1") -> tuple[Path, Path]:
    """For this name: the certificate, which is its own authority, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    _openssl(
        *("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", "/CN=duologue", "-keyout", str(key)),
        *("-addext", f"subjectAltName={name}", "-out", str(certificate)),
    )
    ssl.create_default_context(cafile=str(certificate))
    return certificate, key


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path

    def replace(self, other: "Pair") -> None:
        """Put another one's content into these files, as somebody who rotates them would."""
        for mine, its in ((self.certificate, other.certificate), (self.key, other.key)):
            partial = mine.with_suffix(".partial")
            partial.write_bytes(its.read_bytes())
            partial.replace(mine)


@dataclass(frozen=True)
class Authority:
    """A certificate authority with a folder for what it signs."""

    folder: Path
    certificate: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        folder.mkdir(parents=True)
        certificate = folder / "ca.pem"
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", f"/CN={folder.name}"),
            *("-addext", "basicConstraints=critical,CA:TRUE"),
            *("-keyout", str(folder / "ca.key"), "-out", str(certificate)),
        )
        return cls(folder, certificate)

    def sign(self, file: str, name: str = "DNS:duologue.internal", *, days: int = 2) -> Pair:
        """A certificate for the name; below 0 days, one that has expired."""
        pair = Pair(self.folder / f"{file}.pem", self.folder / f"{file}.key")
        request, extensions = self.folder / f"{file}.csr", self.folder / f"{file}.ext"
        extensions.write_text(f"subjectAltName={name}\n")
        _openssl(
            *("req", *_NEW_KEY, "-subj", f"/CN={file}", "-keyout", str(pair.key)),
            *("-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-days", str(days)),
            *("-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key")),
            *("-CAcreateserial", "-extfile", str(extensions), "-out", str(pair.certificate)),
        )
        return pair


def _openssl(*arguments: str) -> None:
    subprocess.run(("openssl", *arguments), check=True, capture_output=True)
