"""The certificates of a process as they are now: files that change are taken, if they are good."""

import logging
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from duologue.certificate_files import CertificateFiles, Pem, PemFile
from duologue.clock import Clock, MonotonicClock
from duologue.cluster_settings import ClusterSettings
from duologue.errors import InvalidSetting
from duologue.service_settings import GatewaySettings

log = logging.getLogger(__name__)

LOOK_EVERY_MS = 1_000.0
"""How often, at the most, it is looked whether the files have changed."""


class Certificates:
    """The last content that was good. May be asked from any thread."""

    def __init__(self, files: CertificateFiles, clock: Clock | None = None) -> None:
        """Raises InvalidSetting with what is wrong with which file."""
        self._files = files
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._seen = files.stamp
        self._pem = files.read()
        self._looked_ms = self._clock.now_ms()

    def current(self) -> Pem:
        """The same object for as long as the files are the same, or what they hold is no good."""
        with self._lock:
            now_ms = self._clock.now_ms()
            if now_ms - self._looked_ms >= LOOK_EVERY_MS:
                self._looked_ms = now_ms
                self._look()
            return self._pem

    def left_s(self) -> float:
        """Until the certificate expires; below 0 it has."""
        return self.current().expires_unix_s - time.time()

    def _look(self) -> None:
        stamp = self._files.stamp
        if stamp == self._seen:
            return
        try:
            pem = self._files.read()
        except InvalidSetting as error:
            if self._files.stamp == stamp:  # otherwise somebody is at it
                self._seen = stamp
                log.warning("the certificate from before is kept: %s", error)
            return
        if self._files.stamp == stamp:
            self._seen, self._pem = stamp, pem
            until = datetime.fromtimestamp(pem.expires_unix_s, UTC)
            log.info(
                "%s was read again, and is valid until %s",
                *(self._files.certificate.path, f"{until:%Y-%m-%d %H:%M} UTC"),
            )


def cluster_certificates(settings: ClusterSettings) -> Certificates | None:
    """What the cluster's processes know each other by; None where they speak in clear.

    Raises InvalidSetting.
    """
    if settings.certificate is None or settings.key is None or settings.ca is None:
        return None
    files = CertificateFiles(
        PemFile("cluster.certificate", Path(settings.certificate)),
        PemFile("cluster.key", Path(settings.key)),
        PemFile("cluster.ca", Path(settings.ca)),
        settings.name,
    )
    return Certificates(files)


def gateway_certificates(settings: GatewaySettings) -> Certificates | None:
    """What a gateway shows its clients; None where it speaks in clear. Raises InvalidSetting."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    ca = settings.tls_client_ca
    files = CertificateFiles(
        PemFile("gateway.tls_certificate", Path(settings.tls_certificate)),
        PemFile("gateway.tls_key", Path(settings.tls_key)),
        None if ca is None else PemFile("gateway.tls_client_ca", Path(ca)),
    )
    return Certificates(files)
