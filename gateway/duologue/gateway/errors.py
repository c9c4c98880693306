"""What the gateway adds to the tree of `duologue.errors`, and how a call ends by each of them.

The gRPC status is by the error's code, which in capitals is the reason in ErrorInfo too. Programs
also find, as google.rpc details: the field of invalid input (BadRequest), what is not known
(ResourceInfo), whose quota it is (QuotaFailure), which scope is missing (ErrorInfo), and for what
may pass, when to try again (RetryInfo).
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rpc
from google.rpc import status_pb2

from duologue.brevity import brief
from duologue.errors import (
    CapacityExceeded,
    DuologueError,
    InvalidInput,
    QuotaUsedUp,
    UnknownKey,
    UnknownNode,
    UnknownSession,
    UnknownTenant,
)
from duologue.gateway.inner_places import without_places

DETAILS_KEY = "grpc-status-details-bin"
DOMAIN = "duologue"

_RETRY_MS = 1_000

log = logging.getLogger(__name__)


class NotAuthenticated(DuologueError):
    """No valid API key or token came with the call."""

    code = "unauthenticated"


class KeyExpired(NotAuthenticated):
    """The API key was good until lately."""

    code = "key_expired"


class TokenExpired(NotAuthenticated):
    """The token was good until lately: the same call with a new one may be made."""

    code = "token_expired"


class NotAllowed(DuologueError):
    """The key, or the resume token, does not give this right."""

    code = "not_allowed"


class MissingScope(NotAllowed):
    """The key or token is not for such calls."""

    code = "missing_scope"

    def __init__(self, message: str, scope: str = "") -> None:
        super().__init__(message)
        self.scope = scope


class IssuerUnavailable(DuologueError):
    """Whether a token is good cannot be said now: its issuer's keys are not at hand."""

    code = "issuer_unavailable"


class Replaced(DuologueError):
    """Another connection took the session over."""

    code = "replaced"


class EventsGone(DuologueError):
    """The events to resume from are no longer kept."""

    code = "events_gone"


class ClusterFull(CapacityExceeded):
    """No node takes another session now."""

    code = "no_room"

    def __init__(self, message: str, retry_after_ms: int = _RETRY_MS) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Draining(DuologueError):
    """This gateway takes no new calls: another one does."""

    code = "draining"


class SessionLost(DuologueError):
    """No live process could be found or made for the session, within bounds."""

    code = "session_lost"


class TooLate(DuologueError):
    """A call took longer than its deadline."""

    code = "deadline_exceeded"


_Status = grpc.StatusCode
_STATUSES: Mapping[str, grpc.StatusCode] = {
    "invalid_setting": _Status.INVALID_ARGUMENT,
    "invalid_input": _Status.INVALID_ARGUMENT,
    "key_expired": _Status.UNAUTHENTICATED,
    "token_expired": _Status.UNAUTHENTICATED,
    "unauthenticated": _Status.UNAUTHENTICATED,
    "missing_scope": _Status.PERMISSION_DENIED,
    "not_allowed": _Status.PERMISSION_DENIED,
    "unknown_session": _Status.NOT_FOUND,
    "unknown_tenant": _Status.NOT_FOUND,
    "unknown_key": _Status.NOT_FOUND,
    "unknown_node": _Status.NOT_FOUND,
    "session_over": _Status.FAILED_PRECONDITION,
    "unusable_call": _Status.FAILED_PRECONDITION,
    "model_unavailable": _Status.FAILED_PRECONDITION,
    "events_gone": _Status.OUT_OF_RANGE,
    "quota_exceeded": _Status.RESOURCE_EXHAUSTED,
    "no_room": _Status.RESOURCE_EXHAUSTED,
    "capacity_exceeded": _Status.RESOURCE_EXHAUSTED,
    "stale_epoch": _Status.ABORTED,
    "lease_held": _Status.ABORTED,
    "replaced": _Status.ABORTED,
    "deadline_exceeded": _Status.DEADLINE_EXCEEDED,
    "draining": _Status.UNAVAILABLE,
    "session_lost": _Status.UNAVAILABLE,
    "store_unavailable": _Status.UNAVAILABLE,
    "batcher_unavailable": _Status.UNAVAILABLE,
    "issuer_unavailable": _Status.UNAVAILABLE,
    "internal": _Status.INTERNAL,
}
_MAY_PASS = (_Status.RESOURCE_EXHAUSTED, _Status.UNAVAILABLE)
"""With these a call is told when it may be tried again."""
REASONS: tuple[tuple[str, str], ...] = tuple(
    (status.name, code.upper()) for code, status in _STATUSES.items()
)
"""How calls can end: gRPC's code by its name, and our reason."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call ends that could not be followed."""

    code: grpc.StatusCode
    reason: str
    message: str
    details: tuple[Message, ...]
    field: str = ""
    """Of what was sent: the one that is to be mended, if it is one."""
    retry_after_ms: int = 0
    """When the same may be asked again; 0 says nothing of it."""

    @property
    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """The details as gRPC carries them."""
        packed = []
        for detail in self.details:
            any_ = Packed()
            any_.Pack(detail)
            packed.append(any_)
        status = status_pb2.Status(code=self.code.value[0], message=self.message, details=packed)
        return ((DETAILS_KEY, status.SerializeToString()),)


def refusal_of(error: Exception, tenant_id: str = "", *, for_operator: bool = False) -> Refusal:
    """The status for an error. What was not raised on purpose is told of without its words, and
    nothing with inner addresses but to operators, or where the caller sent them."""
    if not isinstance(error, DuologueError):
        log.error("a call failed", exc_info=error)
        error = DuologueError("an internal error; it is in the gateway's log")
    message = str(error)
    if not (for_operator or isinstance(error, InvalidInput)):
        message = without_places(message)
        if message != str(error):
            log.info("a call of %r ends: %s", tenant_id, error)
    message = brief(message)
    status = _STATUSES[error.code]
    field = brief(error.field) if isinstance(error, InvalidInput) else ""
    retry_after_ms = _retry_after_ms(error) if status in _MAY_PASS else 0
    told = {"scope": error.scope} if isinstance(error, MissingScope) else None
    info = rpc.ErrorInfo(reason=error.code.upper(), domain=DOMAIN, metadata=told)
    details: list[Message] = [info]
    if retry_after_ms:
        details.append(_retry(retry_after_ms))
    details += _details(error, field, message, tenant_id)
    return Refusal(status, info.reason, message, tuple(details), field, retry_after_ms)


async def refuse(context: Any, refusal: Refusal) -> NoReturn:
    """End a call with it."""
    await context.abort(refusal.code, refusal.message, refusal.trailers)
    raise AssertionError("abort raises")


def _details(error: DuologueError, field: str, message: str, tenant_id: str) -> Iterator[Message]:
    match error:
        case InvalidInput():
            violation = rpc.BadRequest.FieldViolation(field=field, description=message)
            yield rpc.BadRequest(field_violations=[violation])
        case QuotaUsedUp():
            quota = rpc.QuotaFailure.Violation(subject=f"tenant:{tenant_id}", description=message)
            yield rpc.QuotaFailure(violations=[quota])
        case UnknownSession() | UnknownTenant() | UnknownKey() | UnknownNode():
            what = error.code.removeprefix("unknown_")
            yield rpc.ResourceInfo(resource_type=what, description=message)
        case _:
            pass


def _retry_after_ms(error: DuologueError) -> int:
    asked_ms = error.retry_after_ms if isinstance(error, (QuotaUsedUp, ClusterFull)) else 0
    return asked_ms or _RETRY_MS


def _retry(after_ms: int) -> rpc.RetryInfo:
    info = rpc.RetryInfo()
    info.retry_delay.FromMilliseconds(after_ms)
    return info
