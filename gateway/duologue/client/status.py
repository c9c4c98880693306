"""From gRPC statuses, with their google.rpc details, to the client's errors."""

from collections.abc import Iterator

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from duologue.client.errors import (
    ClientError,
    InvalidRequest,
    NoRoom,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    ServiceFault,
    SessionNotFound,
    SessionOver,
    SessionTaken,
    Unauthenticated,
    Unreachable,
)

DETAILS_KEY = "grpc-status-details-bin"

_Code = grpc.StatusCode
_DETAILS: tuple[type[Message], ...] = (
    error_details_pb2.BadRequest,
    error_details_pb2.ErrorInfo,
    error_details_pb2.QuotaFailure,
    error_details_pb2.ResourceInfo,
    error_details_pb2.RetryInfo,
)
_BROKEN = {
    _Code.UNAVAILABLE,
    _Code.INTERNAL,
    _Code.UNKNOWN,
    _Code.CANCELLED,
    _Code.DEADLINE_EXCEEDED,
    _Code.RESOURCE_EXHAUSTED,
}
_IN_VAIN = ("larger than max", "metadata size exceeds")
"""How gRPC says that something is too large, which it will be the next time, too."""
_CHANGING_HANDS = {"STALE_EPOCH", "LEASE_HELD"}
"""Reasons of ABORTED that pass, unlike that another client has the session."""
_PLAIN: dict[grpc.StatusCode, type[ClientError]] = {
    _Code.UNAUTHENTICATED: Unauthenticated,
    _Code.PERMISSION_DENIED: PermissionDenied,
    _Code.ABORTED: SessionTaken,
    _Code.FAILED_PRECONDITION: SessionOver,
    _Code.OUT_OF_RANGE: SessionOver,
    _Code.UNAVAILABLE: Unreachable,
    _Code.DEADLINE_EXCEEDED: Unreachable,
}


def is_worth_resuming(error: grpc.aio.AioRpcError) -> bool:
    """Whether the same session may go on over another connection, now or later."""
    if error.code() is _Code.ABORTED:
        return any(
            isinstance(detail, error_details_pb2.ErrorInfo) and detail.reason in _CHANGING_HANDS
            for detail in _details(error)
        )
    if error.code() is _Code.RESOURCE_EXHAUSTED:
        return not any(words in (error.details() or "") for words in _IN_VAIN)
    return error.code() in _BROKEN


def is_token_expired(error: grpc.aio.AioRpcError) -> bool:
    """Whether a new token would do."""
    return error.code() is _Code.UNAUTHENTICATED and any(
        isinstance(detail, error_details_pb2.ErrorInfo) and detail.reason == "TOKEN_EXPIRED"
        for detail in _details(error)
    )


def error_of(error: grpc.aio.AioRpcError, address: str = "") -> ClientError:
    """The typed error for a failed call, to `address` if that is worth saying."""
    code, message = error.code(), error.details() or error.code().name.lower()
    if address and code in (_Code.UNAVAILABLE, _Code.DEADLINE_EXCEEDED):
        message = f"no answer from {address}: {message}"
    details = list(_details(error))
    if code is _Code.INVALID_ARGUMENT:
        return InvalidRequest(message, _field(details))
    if code is _Code.RESOURCE_EXHAUSTED:
        is_quota = any(isinstance(detail, error_details_pb2.QuotaFailure) for detail in details)
        return (QuotaExceeded if is_quota else NoRoom)(message, _retry_after_s(details))
    if code is _Code.NOT_FOUND:
        return (SessionNotFound if _names_session(details, message) else NotFound)(message)
    if code in _PLAIN:
        return _PLAIN[code](message)
    return ServiceFault(f"{code.name.lower()}: {message}")


def retry_after_s(error: grpc.aio.AioRpcError) -> float:
    """How long the platform asks to wait; 0 if it does not say."""
    return _retry_after_s(list(_details(error))) or 0.0


def _details(error: grpc.aio.AioRpcError) -> Iterator[Message]:
    """The details that are understood; others, and broken ones, are passed over."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                packed = status_pb2.Status.FromString(value).details
            except DecodeError:
                continue
            for any_ in packed:
                for kind in _DETAILS:
                    detail = kind()
                    if any_.Unpack(detail):
                        yield detail


def _field(details: list[Message]) -> str | None:
    for detail in details:
        if isinstance(detail, error_details_pb2.BadRequest) and detail.field_violations:
            return str(detail.field_violations[0].field)
    return None


def _retry_after_s(details: list[Message]) -> float | None:
    for detail in details:
        if isinstance(detail, error_details_pb2.RetryInfo):
            return float(detail.retry_delay.ToTimedelta().total_seconds())
    return None


def _names_session(details: list[Message], message: str) -> bool:
    """What was not found: as the details say, else as the message does."""
    for detail in details:
        if isinstance(detail, error_details_pb2.ErrorInfo):
            return "SESSION" in detail.reason.upper()
        if isinstance(detail, error_details_pb2.ResourceInfo):
            return "session" in detail.resource_type.lower()
    return "session" in message
