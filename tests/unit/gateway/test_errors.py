"""Every deliberate error has its status, and tells programs what they need."""

from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from google.rpc import status_pb2

from duologue import errors as tree
from duologue.errors import DuologueError
from duologue.events import Error, ErrorCode
from duologue.gateway import errors
from duologue.gateway.errors import Refusal, error_told, refusal_of
from duologue.v1 import events_pb2


def _below(kind: type[DuologueError]) -> Iterator[type[DuologueError]]:
    for below in kind.__subclasses__():
        if below.__module__ in (tree.__name__, errors.__name__):
            yield below
            yield from _below(below)


KINDS = list(_below(DuologueError))


def _info(refusal: Refusal) -> rpc.ErrorInfo:
    return next(detail for detail in refusal.details if isinstance(detail, rpc.ErrorInfo))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_error_has_a_status_of_its_own_meaning(kind: type[DuologueError]) -> None:
    refusal = refusal_of(kind("temperature must be a number from 0 to 2, not 3"))
    assert refusal.code is not grpc.StatusCode.INTERNAL
    info = _info(refusal)
    assert info.domain == "duologue"
    assert info.reason == info.reason.upper()
    assert refusal.message == "temperature must be a number from 0 to 2, not 3"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_who_may_try_again_is_told_when(kind: type[DuologueError]) -> None:
    refusal = refusal_of(kind("words"))
    may_try = refusal.code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
    told = [detail for detail in refusal.details if isinstance(detail, rpc.RetryInfo)]
    assert bool(told) == may_try


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("client_seq must be 1 or more, not 0", "client_seq"),
        ("config.temperature must be a number", "config.temperature"),
        ("input_append.text has 9 characters", "input_append.text"),
        ("these bytes are no message", ""),
    ],
)
def test_bad_input_names_its_field(message: str, field: str) -> None:
    refusal = refusal_of(tree.InvalidInput(message))
    (violation,) = next(
        detail.field_violations for detail in refusal.details if isinstance(detail, rpc.BadRequest)
    )
    assert (violation.field, violation.description) == (field, message)


def test_a_quota_says_whose_and_when() -> None:
    refusal = refusal_of(tree.QuotaExceeded("at most 3", retry_after_ms=1_250), "acme")
    retry = next(d for d in refusal.details if isinstance(d, rpc.RetryInfo))
    quota = next(d for d in refusal.details if isinstance(d, rpc.QuotaFailure))
    assert retry.retry_delay.ToMilliseconds() == 1_250
    assert quota.violations[0].subject == "tenant:acme"


def test_what_was_not_meant_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    refusal = refusal_of(KeyError("a secret"))
    assert refusal.code is grpc.StatusCode.INTERNAL
    assert "secret" not in refusal.message
    assert "secret" in caplog.text


def test_a_long_message_fits_into_a_header() -> None:
    assert len(refusal_of(tree.InvalidInput("x" * 100_000)).message) <= 1_000


def test_the_trailer_is_a_status() -> None:
    refusal = refusal_of(tree.UnknownSession("there is no session"))
    ((key, value),) = refusal.trailers
    status = status_pb2.Status.FromString(value)
    assert key == "grpc-status-details-bin"
    assert status.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert len(status.details) == len(refusal.details) == 2


@pytest.mark.parametrize("code", [code for code in ErrorCode if code is not ErrorCode.INTERNAL])
def test_what_another_process_tells_is_the_same_error_here(code: ErrorCode) -> None:
    told = error_told(events_pb2.Error(code=code, message="words"))
    assert Error.of(told).code is code
    assert str(told) == "words"


def test_an_error_that_is_not_known_yet_is_internal() -> None:
    told = error_told(events_pb2.Error(code="of_tomorrow", message="words"))
    assert type(told) is DuologueError
