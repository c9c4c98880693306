"""How the processes of a cluster listen and call each other: in clear, or by mutual TLS.

With certificates, who calls must show one by the cluster's CA and for the cluster's name, and is
answered with one; who does not is refused at every TCP port. Unix sockets stay in clear: their
files are for one user alone.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import grpc
from grpc import aio

from duologue.certificate_files import Pem
from duologue.certificates import Certificates, cluster_certificates
from duologue.cluster_settings import ClusterSettings

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    Handler = grpc.RpcMethodHandler  # generic for type checkers only

Options = Sequence[tuple[str, int | str]]

_UNIX = "unix:"


class Peers:
    """Of one process. Files that change are taken for what connects from then on; streams that are
    open go on."""

    def __init__(self, certificates: Certificates | None = None, name: str = "") -> None:
        """`name` is the one in everybody's certificate."""
        self.certificates = certificates
        self._name = name
        self._pem: Pem | None = None
        self._credentials: grpc.ChannelCredentials | None = None

    @classmethod
    def of(cls, settings: ClusterSettings) -> "Peers":
        """Raises InvalidSetting for files that are no good."""
        return cls(cluster_certificates(settings), settings.name)

    def server(self, options: Options) -> aio.Server:
        """One that answers the cluster's processes only."""
        guards = [] if self.certificates is None else [PeerGuard(self._name)]
        return aio.server(interceptors=guards, options=options)

    def listen(self, server: aio.Server, address: str) -> int:
        """Open a port, or a Unix socket; raises RuntimeError if it cannot be had."""
        if address.startswith(_UNIX):
            before = os.umask(0o177)
            try:
                return server.add_insecure_port(address)
            finally:
                os.umask(before)
        if self.certificates is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, server_credentials(self.certificates))

    def channel(self, address: str, options: Options) -> aio.Channel:
        """A channel that takes nobody else for the one it calls."""
        credentials = self.credentials
        if credentials is None or address.startswith(_UNIX):
            return aio.insecure_channel(address, options=options)
        named = (*options, ("grpc.ssl_target_name_override", self._name))
        return aio.secure_channel(address, credentials, options=named)

    @property
    def credentials(self) -> grpc.ChannelCredentials | None:
        """Of channels that are made now: the same object for as long as the files are the same."""
        if self.certificates is None:
            return None
        pem = self.certificates.current()
        if pem is not self._pem:
            self._pem = pem
            self._credentials = grpc.ssl_channel_credentials(pem.ca, pem.key, pem.certificate)
        return self._credentials


IN_CLEAR = Peers()


def server_credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """Of a port whose every new connection finds the certificates of its day."""
    told = certificates.current()

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal told
        pem = certificates.current()
        if pem is told:
            return None
        told = pem
        return _configuration(pem)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(told),
        changed,  # type: ignore[arg-type]  # None is for no change
        require_client_authentication=told.ca is not None,
    )


def _configuration(pem: Pem) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pem.key, pem.certificate)], pem.ca)


class PeerGuard(aio.ServerInterceptor):
    """Lets through who has shown a certificate for the name; TLS has seen to who signed it."""

    def __init__(self, name: str) -> None:
        self._name = name.encode()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a call, behind the question who calls."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        kind = ("stream" if handler.request_streaming else "unary") + (
            "_stream" if handler.response_streaming else "_unary"
        )
        serve: Callable[[Any, Any], Awaitable[Any]] = getattr(handler, kind)

        async def guarded(request: Any, context: Any) -> Any:
            if not self._knows(context):
                await context.abort(
                    grpc.StatusCode.PERMISSION_DENIED, "the certificate is not of this cluster"
                )
            return await serve(request, context)

        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(  # type: ignore[no-any-return]
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _knows(self, context: Any) -> bool:
        if context.peer().startswith(_UNIX):
            return True
        return self._name in context.auth_context().get("peer_dns", ())
