"""Callers that are not of the cluster, and what becomes of them at a port."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

from duologue.cluster_settings import ClusterSettings
from tests.certificates import Authority, Pair
from tests.waiting import waiting_for

NAME = "duologue.internal"
METHODS = (
    "/duologue.v1.NodeService/Bind",
    "/duologue.v1.SessionService/Attach",
    "/duologue.v1.BatchingService/Describe",
    "/duologue.v1.BatchingService/Sit",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
)
"""Whatever the ports of a cluster know; each knows some of them."""
_REFUSALS = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
}


@dataclass(frozen=True)
class Caller:
    """Somebody with these certificates, or with none, or in clear (without a CA to trust)."""

    who: str
    ca: Path | None
    pair: Pair | None = None

    @property
    def credentials(self) -> grpc.ChannelCredentials | None:
        if self.ca is None:
            return None
        key = None if self.pair is None else self.pair.key.read_bytes()
        chain = None if self.pair is None else self.pair.certificate.read_bytes()
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), key, chain)

    def channel(self, address: str, name: str = NAME) -> aio.Channel:
        options: list[tuple[str, str | int]] = [
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if self.credentials is None:
            return aio.insecure_channel(address, options=options)
        named = [*options, ("grpc.ssl_target_name_override", name)]
        return aio.secure_channel(address, self.credentials, options=named)

    async def codes(
        self, address: str, name: str = NAME, *, methods: Sequence[str] = METHODS
    ) -> set[grpc.StatusCode]:
        """How the calls of all methods end."""
        async with self.channel(address, name) as channel, waiting_for(f"{self.who} at {address}"):
            return {await _ended(channel, method) for method in methods}

    async def metrics(self, address: str) -> str:
        """The first line of the answer to a question for metrics; empty if there is none."""
        return await asyncio.to_thread(self._metrics, address)

    def _metrics(self, address: str) -> str:
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=10) as plain:
                if self.ca is None:
                    return _asked(plain)
                with self.greeted(plain, self.ca) as connection:
                    return _asked(connection)
        except OSError:
            return ""

    def greeted(self, plain: socket.socket, ca: Path) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(ca))
        if self.pair is not None:
            context.load_cert_chain(self.pair.certificate, self.pair.key)
        return context.wrap_socket(plain, server_hostname=NAME)


@dataclass(frozen=True)
class Pki:
    """The certificates of a cluster, and of those who are not of it."""

    authority: Authority
    pair: Pair
    """The files that the settings name."""
    strangers: tuple[Caller, ...]

    @classmethod
    def make(cls, folder: Path) -> "Pki":
        authority, others = Authority.make(folder / "ours"), Authority.make(folder / "theirs")
        pair = authority.sign("cluster", f"DNS:{NAME},IP:127.0.0.1")
        ca = authority.certificate
        strangers = (
            Caller("in clear", None),
            Caller("without a certificate", ca),
            Caller("with another CA's", ca, others.sign("alien")),
            Caller("with another name", ca, authority.sign("wrong", "DNS:elsewhere.internal")),
        )
        return cls(authority, pair, strangers)

    @property
    def settings(self) -> ClusterSettings:
        ca = self.authority.certificate
        return ClusterSettings(str(self.pair.certificate), str(self.pair.key), str(ca))

    @property
    def member(self) -> Caller:
        """One of the cluster, by the files as they are now."""
        return Caller("of the cluster", self.authority.certificate, self.pair)

    def rotate(self, serial: str) -> None:
        """Put another certificate of the same kind in place."""
        self.pair.replace(self.authority.sign(serial, f"DNS:{NAME},IP:127.0.0.1"))


def is_refusal(codes: set[grpc.StatusCode]) -> bool:
    """Whether every call was refused; what a port does not know, it does not know for anybody."""
    return bool(codes & _REFUSALS) and codes <= {*_REFUSALS, grpc.StatusCode.UNIMPLEMENTED}


def _asked(connection: socket.socket) -> str:
    connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    with connection.makefile("rb") as answer:
        return answer.readline().decode("latin-1").strip()


async def _ended(channel: aio.Channel, method: str) -> grpc.StatusCode:
    """Of a call with an empty message; OK also if an answer came.

    The message goes with the call: one that is written on a stream which was refused meanwhile
    makes gRPC tell of an internal error instead of the refusal.
    """
    begin: Any = channel.unary_stream(method)
    call = begin(b"")
    with suppress(aio.AioRpcError):
        if await call.read() is not aio.EOF:
            call.cancel()
            return grpc.StatusCode.OK
    code: grpc.StatusCode = await call.code()
    return code


async def shown_serial(address: str, caller: Caller) -> str:
    """The number of the certificate that a port shows now."""
    return await asyncio.to_thread(_serial, address, caller)


def _serial(address: str, caller: Caller) -> str:
    host, _, port = address.rpartition(":")
    assert caller.ca is not None
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        caller.greeted(plain, caller.ca) as connection,
    ):
        shown = connection.getpeercert()
    assert shown is not None
    return str(shown["serialNumber"])
