"""Every deliberate error has its status, and tells programs what they need."""

from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc
from google.rpc import status_pb2
from hypothesis import given
from hypothesis import strategies as st

from duologue import errors as tree
from duologue.brevity import brief
from duologue.errors import DuologueError
from duologue.gateway import errors
from duologue.gateway.errors import Refusal, refusal_of


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


@given(
    st.sampled_from([tree.InvalidInput, tree.InvalidSetting]),
    st.text(min_size=1, max_size=80),
    st.text(max_size=80),
)
def test_bad_input_names_the_field_that_was_raised(
    kind: type[tree.InvalidInput], problem: str, field: str
) -> None:
    """Whatever the words of the problem: it is not found in them."""
    error = kind(problem, field=field)
    refusal = refusal_of(error)
    (violation,) = next(
        detail.field_violations for detail in refusal.details if isinstance(detail, rpc.BadRequest)
    )
    assert violation.field == refusal.field == brief(field)
    assert violation.description == refusal.message == brief(str(error))


def test_the_field_is_named_by_the_words_too() -> None:
    error = tree.InvalidInput("must be 1 or more, not 0", field="client_seq")
    assert str(error) == "client_seq must be 1 or more, not 0"
    assert str(error.within("event")) == "event.client_seq must be 1 or more, not 0"
    assert error.within("event").field == "event.client_seq"
    assert refusal_of(error.renamed("number")).field == "number"


def test_a_quota_says_whose_and_when() -> None:
    refusal = refusal_of(tree.QuotaUsedUp("at most 3", retry_after_ms=1_250), "acme")
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
