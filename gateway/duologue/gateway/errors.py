"""From the tree of `duologue.errors` to gRPC statuses with google.rpc details: the one place.

    InvalidInput, InvalidSetting        INVALID_ARGUMENT     BadRequest naming the field
    Unauthenticated, KeyExpired, TokenExpired   UNAUTHENTICATED
    NotAllowed, MissingScope            PERMISSION_DENIED    MissingScope: which, in ErrorInfo
    UnknownSession, -Tenant, -Key, -Node    NOT_FOUND        ResourceInfo
    SessionOver, ModelUnavailable       FAILED_PRECONDITION
    EventsGone                          OUT_OF_RANGE
    QuotaExceeded                       RESOURCE_EXHAUSTED   RetryInfo, QuotaFailure
    NoRoom, CapacityExceeded            RESOURCE_EXHAUSTED   RetryInfo
    StaleEpoch, LeaseHeld, Replaced     ABORTED
    TooLate                             DEADLINE_EXCEEDED
    Draining, StoreUnavailable, BatcherUnavailable, SessionLost, IssuerUnavailable
                                        UNAVAILABLE          RetryInfo
    anything else                       INTERNAL

Each also has an ErrorInfo with the domain "duologue" and a reason for programs.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as rpc
from google.rpc import status_pb2

from duologue import errors as tree
from duologue.brevity import brief
from duologue.errors import DuologueError
from duologue.gateway.inner_places import without_places
from duologue.v1 import events_pb2

DETAILS_KEY = "grpc-status-details-bin"
DOMAIN = "duologue"

_RETRY_MS = 1_000
_FIELD = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*) (?:must|is|has)\b")

log = logging.getLogger(__name__)


class Unauthenticated(DuologueError):
    """No valid API key or token came with the call."""


class KeyExpired(Unauthenticated):
    """The API key was good until lately."""


class TokenExpired(Unauthenticated):
    """The token was good until lately: the same call with a new one may be made."""


class NotAllowed(DuologueError):
    """The key, or the resume token, does not give this right."""


class MissingScope(NotAllowed):
    """The key or token is not for such calls."""

    def __init__(self, message: str, scope: str = "") -> None:
        super().__init__(message)
        self.scope = scope


class IssuerUnavailable(DuologueError):
    """Whether a token is good cannot be said now: its issuer's keys are not at hand."""


class Replaced(DuologueError):
    """Another connection took the session over."""


class EventsGone(DuologueError):
    """The events to resume from are no longer kept."""


class NoRoom(tree.CapacityExceeded):
    """No node takes another session now."""

    def __init__(self, message: str, retry_after_ms: int = _RETRY_MS) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Draining(DuologueError):
    """This gateway takes no new calls: another one does."""


class SessionLost(DuologueError):
    """No live process could be found or made for the session, within bounds."""


class TooLate(DuologueError):
    """A call took longer than its deadline."""


_Kind = type[DuologueError]
_Code = grpc.StatusCode
_CODES: tuple[tuple[_Kind, grpc.StatusCode, str], ...] = (
    (tree.InvalidSetting, _Code.INVALID_ARGUMENT, "INVALID_SETTING"),
    (tree.InvalidInput, _Code.INVALID_ARGUMENT, "INVALID_INPUT"),
    (KeyExpired, _Code.UNAUTHENTICATED, "KEY_EXPIRED"),
    (TokenExpired, _Code.UNAUTHENTICATED, "TOKEN_EXPIRED"),
    (Unauthenticated, _Code.UNAUTHENTICATED, "UNAUTHENTICATED"),
    (MissingScope, _Code.PERMISSION_DENIED, "MISSING_SCOPE"),
    (NotAllowed, _Code.PERMISSION_DENIED, "NOT_ALLOWED"),
    (tree.UnknownSession, _Code.NOT_FOUND, "UNKNOWN_SESSION"),
    (tree.UnknownTenant, _Code.NOT_FOUND, "UNKNOWN_TENANT"),
    (tree.UnknownKey, _Code.NOT_FOUND, "UNKNOWN_KEY"),
    (tree.UnknownNode, _Code.NOT_FOUND, "UNKNOWN_NODE"),
    (tree.SessionOver, _Code.FAILED_PRECONDITION, "SESSION_OVER"),
    (tree.ModelUnavailable, _Code.FAILED_PRECONDITION, "MODEL_UNAVAILABLE"),
    (EventsGone, _Code.OUT_OF_RANGE, "EVENTS_GONE"),
    (tree.QuotaExceeded, _Code.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED"),
    (NoRoom, _Code.RESOURCE_EXHAUSTED, "NO_ROOM"),
    (tree.CapacityExceeded, _Code.RESOURCE_EXHAUSTED, "CAPACITY_EXCEEDED"),
    (tree.StaleEpoch, _Code.ABORTED, "STALE_EPOCH"),
    (tree.LeaseHeld, _Code.ABORTED, "LEASE_HELD"),
    (Replaced, _Code.ABORTED, "REPLACED"),
    (TooLate, _Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    (Draining, _Code.UNAVAILABLE, "DRAINING"),
    (SessionLost, _Code.UNAVAILABLE, "SESSION_LOST"),
    (tree.StoreUnavailable, _Code.UNAVAILABLE, "STORE_UNAVAILABLE"),
    (tree.BatcherUnavailable, _Code.UNAVAILABLE, "BATCHER_UNAVAILABLE"),
    (IssuerUnavailable, _Code.UNAVAILABLE, "ISSUER_UNAVAILABLE"),
    (DuologueError, _Code.INTERNAL, "INTERNAL"),
)
REASONS: tuple[tuple[str, str], ...] = tuple((code.name, reason) for _, code, reason in _CODES)
"""How calls can end: gRPC's code by its name, and our reason."""

_TOLD: dict[str, _Kind] = {
    "invalid_input": tree.InvalidInput,
    "invalid_setting": tree.InvalidSetting,
    "model_unavailable": tree.ModelUnavailable,
    "batcher_unavailable": tree.BatcherUnavailable,
    "capacity_exceeded": tree.CapacityExceeded,
    "quota_exceeded": tree.QuotaExceeded,
    "unknown_session": tree.UnknownSession,
    "session_over": tree.SessionOver,
    "unknown_tenant": tree.UnknownTenant,
    "unknown_key": tree.UnknownKey,
    "unknown_node": tree.UnknownNode,
    "stale_epoch": tree.StaleEpoch,
    "lease_held": tree.LeaseHeld,
    "store_unavailable": tree.StoreUnavailable,
}
_RESOURCES: dict[_Kind, str] = {
    tree.UnknownSession: "session",
    tree.UnknownTenant: "tenant",
    tree.UnknownKey: "key",
    tree.UnknownNode: "node",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call ends that could not be followed."""

    code: grpc.StatusCode
    reason: str
    message: str
    details: tuple[Message, ...]

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
    code, reason = next((code, reason) for kind, code, reason in _CODES if isinstance(error, kind))
    message = str(error)
    if not (for_operator or isinstance(error, tree.InvalidInput)):
        message = without_places(message)
        if message != str(error):
            log.info("a call of %r ends: %s", tenant_id, error)
    message = brief(message)
    told = {"scope": error.scope} if isinstance(error, MissingScope) else None
    info = rpc.ErrorInfo(reason=reason, domain=DOMAIN, metadata=told)
    details = (info, *_details(error, message, tenant_id))
    return Refusal(code, reason, message, details)


async def refuse(context: Any, refusal: Refusal) -> NoReturn:
    """End a call with it."""
    await context.abort(refusal.code, refusal.message, refusal.trailers)
    raise AssertionError("abort raises")


def error_told(error: events_pb2.Error) -> DuologueError:
    """The error that another process of the platform tells of."""
    return _TOLD.get(error.code, DuologueError)(error.message)


def _details(error: DuologueError, message: str, tenant_id: str) -> Iterator[Message]:
    match error:
        case tree.InvalidInput():
            named = _FIELD.match(message)
            violation = rpc.BadRequest.FieldViolation(
                field=named[1] if named else "", description=message
            )
            yield rpc.BadRequest(field_violations=[violation])
        case tree.QuotaExceeded(retry_after_ms=retry_after_ms):
            yield _retry(retry_after_ms or _RETRY_MS)
            quota = rpc.QuotaFailure.Violation(subject=f"tenant:{tenant_id}", description=message)
            yield rpc.QuotaFailure(violations=[quota])
        case NoRoom(retry_after_ms=retry_after_ms):
            yield _retry(retry_after_ms)
        case (
            tree.CapacityExceeded()
            | Draining()
            | SessionLost()
            | IssuerUnavailable()
            | tree.StoreUnavailable()
            | tree.BatcherUnavailable()
        ):
            yield _retry(_RETRY_MS)
        case _ if type(error) in _RESOURCES:
            yield rpc.ResourceInfo(resource_type=_RESOURCES[type(error)], description=message)
        case _:
            pass


def _retry(after_ms: int) -> rpc.RetryInfo:
    info = rpc.RetryInfo()
    info.retry_delay.FromMilliseconds(after_ms)
    return info
