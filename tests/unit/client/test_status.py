"""gRPC statuses become typed errors, with what their details say."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2
from grpc import StatusCode as Code

from duologue.client import errors
from duologue.client.status import DETAILS_KEY, error_of, is_worth_resuming, retry_after_s
from duologue.errors import DuologueError


def failure(
    code: Code, message: str = "why", *given: Message, raw: bytes | None = None
) -> grpc.aio.AioRpcError:
    packed = []
    for detail in given:
        any_ = AnyMessage()
        any_.Pack(detail)
        packed.append(any_)
    value = status_pb2.Status(code=code.value[0], message=message, details=packed)
    trailer = raw if raw is not None else value.SerializeToString()
    metadata = grpc.aio.Metadata((DETAILS_KEY, trailer))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, message)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.INVALID_ARGUMENT, errors.InvalidRequest),
        (Code.UNAUTHENTICATED, errors.Unauthenticated),
        (Code.PERMISSION_DENIED, errors.PermissionDenied),
        (Code.ABORTED, errors.SessionTaken),
        (Code.FAILED_PRECONDITION, errors.SessionOver),
        (Code.OUT_OF_RANGE, errors.SessionOver),
        (Code.RESOURCE_EXHAUSTED, errors.NoRoom),
        (Code.UNAVAILABLE, errors.Unreachable),
        (Code.DEADLINE_EXCEEDED, errors.Unreachable),
        (Code.INTERNAL, errors.ServiceFault),
        (Code.UNIMPLEMENTED, errors.ServiceFault),
    ],
)
def test_every_code_has_its_kind(code: Code, kind: type[Exception]) -> None:
    found = error_of(failure(code))
    assert type(found) is kind
    assert isinstance(found, DuologueError)
    assert "why" in str(found)


def test_a_wrong_field_is_named() -> None:
    violation = details.BadRequest.FieldViolation(field="config.top_p", description="0 to 1")
    found = error_of(
        failure(Code.INVALID_ARGUMENT, "no", details.BadRequest(field_violations=[violation]))
    )
    assert isinstance(found, errors.InvalidRequest)
    assert found.field == "config.top_p"


def test_a_quota_says_when_to_come_back() -> None:
    wait = details.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))
    quota = details.QuotaFailure(violations=[details.QuotaFailure.Violation(subject="t")])
    found = error_of(failure(Code.RESOURCE_EXHAUSTED, "used up", wait, quota))
    assert isinstance(found, errors.QuotaExceeded)
    assert found.retry_after_s == 2.5
    crowded = failure(Code.RESOURCE_EXHAUSTED, "full", wait)
    assert type(error_of(crowded)) is errors.NoRoom
    assert retry_after_s(crowded) == 2.5
    assert retry_after_s(failure(Code.UNAVAILABLE)) == 0


def test_what_is_not_found_is_told_apart() -> None:
    session = details.ErrorInfo(reason="UNKNOWN_SESSION", domain="duologue")
    tenant = details.ErrorInfo(reason="UNKNOWN_TENANT", domain="duologue")
    assert type(error_of(failure(Code.NOT_FOUND, "x", session))) is errors.SessionNotFound
    assert type(error_of(failure(Code.NOT_FOUND, "x", tenant))) is errors.NotFound
    assert type(error_of(failure(Code.NOT_FOUND, "no session y"))) is errors.SessionNotFound


def test_broken_details_do_not_hide_the_error() -> None:
    found = error_of(failure(Code.INVALID_ARGUMENT, "why", raw=b"\xff\xff"))
    assert isinstance(found, errors.InvalidRequest)
    assert found.field is None


def test_a_session_that_changes_hands_is_worth_resuming_and_a_taken_one_is_not() -> None:
    for reason, is_worth in (("STALE_EPOCH", True), ("LEASE_HELD", True), ("REPLACED", False)):
        info = details.ErrorInfo(reason=reason, domain="duologue")
        assert is_worth_resuming(failure(Code.ABORTED, "why", info)) is is_worth


def test_only_what_another_connection_may_mend_is_worth_resuming() -> None:
    mended = {
        *(Code.UNAVAILABLE, Code.INTERNAL, Code.UNKNOWN, Code.CANCELLED),
        *(Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED),
    }
    assert {code for code in Code if is_worth_resuming(failure(code))} == mended


@pytest.mark.parametrize(
    "words",
    [
        "SERVER: Received message larger than max (70000 vs. 65536)",
        "received metadata size exceeds hard limit (value length 20000 vs. 16384)",
    ],
)
def test_what_is_too_large_is_not_worth_resuming(words: str) -> None:
    assert not is_worth_resuming(failure(Code.RESOURCE_EXHAUSTED, words))
