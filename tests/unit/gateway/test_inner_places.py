"""Tenants are told no addresses of what is inside; operators are."""

import pytest

from duologue.errors import InvalidInput, StoreUnavailable
from duologue.gateway.errors import refusal_of
from duologue.gateway.inner_places import without_places


@pytest.mark.parametrize(
    "place",
    [
        "redis://store.prod:6379/2",
        "rediss+sentinel://a:26379,b:26379/main",
        "10.0.3.17:50051",
        "10.0.3.17",
        "node-7.cluster.local:41213",
        "keeper:6379",
        "[fd00::12]:8080",
        "ipv4:10.0.3.17:50051",
        "unix:/run/duologue/batcher.sock",
        "unix:///run/duologue/socket",
    ],
)
def test_addresses_are_left_out(place: str) -> None:
    told = without_places(
        f"the store at {place} does not answer: Error 111 connecting to '{place}'."
    )
    for part in place.replace("/", ":").replace(",", ":").split(":"):
        assert len(part) < 4 or part not in told
    assert told.startswith("the store at (an inner address)")
    assert told.endswith("'.")


@pytest.mark.parametrize(
    "words",
    [
        "config.temperature must be a number from 0 to 2, not 3.5",
        "session 'ses_1' is at epoch 3: it must be taken anew",
        "at most 1000000 input characters may be sent in a minute",
        "the store is of schema 2.1.0, and version 1.2.3 is here",
        "authorization must be: Bearer KEY, once",
    ],
)
def test_other_words_stay(words: str) -> None:
    assert without_places(words) == words


def test_who_is_told_what() -> None:
    lost = StoreUnavailable("the store at redis://store:6379 does not answer")
    assert "6379" not in refusal_of(lost, "acme").message
    assert "6379" not in str(refusal_of(lost, "acme").details)
    assert "store:6379" in refusal_of(lost, "ops", for_operator=True).message
    mine = InvalidInput("tenant_id must be 1 to 63 letters, not 'a:6379'")
    assert refusal_of(mine, "acme").message == str(mine)
