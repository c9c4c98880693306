"""A process's health, as gRPC's health service tells it. Probes run this: it imports little."""

from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from duologue.errors import InvalidSetting
from duologue.proxies import PAST_PROXIES
from duologue.trust import Trust

_Status = health_pb2.HealthCheckResponse.ServingStatus


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """What was found out."""

    is_serving: bool
    told: str
    """The same in words, with the reason if there is one."""


def ask_health(
    address: str,
    service: str,
    *,
    trust: Trust | None = None,
    tls_name: str | None = None,
    within_s: float,
) -> HealthAnswer:
    """Ask once. `tls_name` is the name in the certificate, where `address` is another one."""
    what = f"{address} ({service})" if service else address
    try:
        credentials = None if trust is None else trust.credentials()
    except InvalidSetting as error:
        return HealthAnswer(False, f"the certificates are no good: {error}")
    options: list[tuple[str, str | int]] = [*PAST_PROXIES]  # probes come from near by
    if tls_name is not None:
        options.append(("grpc.ssl_target_name_override", tls_name))
    with _channel(address, credentials, options) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=within_s)
        except grpc.RpcError as error:
            return HealthAnswer(False, f"{what}: {_reason(error, within_s)}")
    is_serving = answer.status == _Status.Value("SERVING")
    return HealthAnswer(is_serving, f"{what}: {_Status.Name(answer.status)}")


def _channel(
    address: str,
    credentials: grpc.ChannelCredentials | None,
    options: list[tuple[str, str | int]],
) -> grpc.Channel:
    if credentials is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, credentials, options=options)


def _reason(error: Any, within_s: float) -> str:
    """Of an RpcError, which for a call is the call itself."""
    match error.code():
        case grpc.StatusCode.NOT_FOUND:
            return "no such service"
        case grpc.StatusCode.UNIMPLEMENTED:
            return "something answers that has no health service"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"no answer within {within_s:g} s"
        case grpc.StatusCode.UNAVAILABLE:
            return f"no answer: {error.details()}"
        case code:
            return f"{code.name}: {error.details()}"
