"""Who may read the metrics of a cluster that speaks mutual TLS: its own, and Prometheus.

Each connection greets in its own thread: one that says nothing keeps nobody else waiting.
"""

import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from duologue.certificates import Certificates, cluster_certificates
from duologue.cluster_settings import ClusterSettings

log = logging.getLogger(__name__)

GREETED_WITHIN_S = 5.0
"""For a handshake, and for each part of a request."""
_NAMES = "duologue.names"

App = Callable[..., Iterable[bytes]]


class MetricsReaders:
    """Those with a certificate by the cluster's CA, for one of a few names."""

    def __init__(self, certificates: Certificates, names: Iterable[str]) -> None:
        self._certificates = certificates
        self._names = frozenset(names)

    @classmethod
    def of(cls, settings: ClusterSettings) -> "MetricsReaders | None":
        """None where everybody who reaches the port may read; raises InvalidSetting."""
        certificates = cluster_certificates(settings)
        if certificates is None:
            return None
        return cls(certificates, filter(None, (settings.name, settings.metrics_name)))

    def server(self, host: str, port: int, app: App) -> WSGIServer:
        """One that answers nobody else; raises OSError if the port cannot be had."""
        readers = self

        class MetricsServer(_TlsServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            certificates = readers._certificates

        return make_server(host, port, self._guarded(app), MetricsServer, _Handler)

    def _guarded(self, app: App) -> App:
        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if self._names.isdisjoint(environ[_NAMES]):
                start_response("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"the certificate is not of those who may read metrics\n"]
            return app(environ, start_response)

        return answer


class _TlsServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    certificates: Certificates

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(GREETED_WITHIN_S)
        context = self.certificates.current().server_context
        with context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(cast(socket.socket, connection), client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a reader of metrics was not answered", exc_info=True)


class _Handler(WSGIRequestHandler):
    def get_environ(self) -> dict[str, Any]:
        connection = cast(ssl.SSLSocket, self.connection)
        shown: Any = (connection.getpeercert() or {}).get("subjectAltName", ())
        return super().get_environ() | {_NAMES: {name for kind, name in shown if kind == "DNS"}}

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""
