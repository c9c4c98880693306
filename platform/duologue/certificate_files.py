"""Certificate files: read, and tried out by a handshake with themselves, in memory.

What OpenSSL says of that is what peers would find.
"""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from duologue.errors import InvalidSetting

_MESSAGES = 6
"""More than a handshake has in either direction."""
_OF_KEYS = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")
_WEAK = ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK")


@dataclass(frozen=True, slots=True)
class PemFile:
    """A file, and the setting that names it."""

    setting: str
    path: Path

    def read(self) -> bytes:
        """Its bytes; raises InvalidSetting."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            self.refuse(f"be a file that can be read ({error.strerror})")

    def refuse(self, must: str) -> NoReturn:
        """Raise InvalidSetting: the file must be something that it is not."""
        raise InvalidSetting(f"must {must}: {self.path}", field=self.setting)


@dataclass(frozen=True, slots=True)
class Pem:
    """What the files held, and is good."""

    certificate: bytes
    key: bytes
    ca: bytes | None
    expires_unix_s: float
    server_context: ssl.SSLContext
    """Of Python's own servers; it demands a certificate of clients if there is a CA."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate and its key, and the CA of the other side if that has to show one as well."""

    certificate: PemFile
    key: PemFile
    ca: PemFile | None = None
    name: str | None = None
    """If set, the certificate itself must be by that CA, and for this name."""

    @property
    def stamp(self) -> tuple[object, ...]:
        """Another one when a file has become another."""
        files = (self.certificate, self.key, self.ca)
        return tuple(_stamp(file.path) for file in files if file is not None)

    def read(self) -> Pem:
        """Their present content; raises InvalidSetting with what is wrong with which file."""
        certificate, key = self.certificate.read(), self.key.read()
        ca = None if self.ca is None else self.ca.read()
        server = self._server_context(certificate, ca)
        expires_unix_s = self._handshake(server, certificate, ca)
        return Pem(certificate, key, ca, expires_unix_s, server)

    def _server_context(self, certificate: bytes, ca: bytes | None) -> ssl.SSLContext:
        _require_certificates(self.certificate, certificate)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load_pair(server)
        if self.ca is not None and ca is not None:
            _require_certificates(self.ca, ca)
            server.load_verify_locations(cadata=ca.decode("ascii", "replace"))
            server.verify_mode = ssl.CERT_REQUIRED
        return server

    def _load_pair(self, context: ssl.SSLContext) -> None:
        def no_password() -> str:
            self.key.refuse("not be encrypted")

        try:
            context.load_cert_chain(self.certificate.path, self.key.path, no_password)
        except ssl.SSLError as error:
            if error.reason in _OF_KEYS:
                self.key.refuse(f"be the key of the certificate in {self.certificate.path}")
            if error.reason in _WEAK:
                self.certificate.refuse(f"be of a strong key and digest ({error.reason})")
            self.key.refuse("be a PEM file with a key")

    def _handshake(self, server: ssl.SSLContext, certificate: bytes, ca: bytes | None) -> float:
        """Greet ourselves; returns until when the certificate is valid."""
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.name is None or ca is None:  # whoever signed it: that is for clients to judge
            client.check_hostname = False
            client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            client.load_verify_locations(cadata=certificate.decode("ascii", "replace"))
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._load_pair(server)
        else:
            client.load_verify_locations(cadata=ca.decode("ascii", "replace"))
            self._load_pair(client)
        try:
            shown = _shown(server, client, self.name)
        except ssl.SSLCertVerificationError as error:
            self._refuse(error)
        return float(ssl.cert_time_to_seconds(str(shown["notAfter"])))

    def _refuse(self, error: ssl.SSLCertVerificationError) -> NoReturn:
        words = error.verify_message
        if "Hostname mismatch" in words:
            self.certificate.refuse(f"be for the name {self.name} (cluster.name)")
        if "expired" in words or "not yet valid" in words:
            self.certificate.refuse(f"be valid at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC ({words})")
        if self.ca is None:
            self.certificate.refuse(f"be a certificate that serves ({words})")
        self.certificate.refuse(f"be signed by {self.ca.path} for both sides of TLS ({words})")


def _stamp(path: Path) -> object:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size, told.st_ino


def _require_certificates(file: PemFile, content: bytes) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
            cadata=content.decode("ascii", "replace")
        )
    except ssl.SSLError:
        file.refuse("be a PEM file with certificates")


def _shown(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> dict[str, object]:
    """What a client of ours finds in our server's certificate, once both have greeted."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_hostname=name)
    answering = server.wrap_bio(there, back, server_side=True)
    for _ in range(_MESSAGES):
        for side in (asking, answering):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return dict(asking.getpeercert() or {})
