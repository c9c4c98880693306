"""Words of an error never take more room in a header than they may."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from duologue.brevity import brief
from duologue.errors import InvalidInput
from duologue.events import Error


@given(st.text(), st.integers(20, 200))
def test_it_keeps_to_the_limit_and_to_the_words(words: str, max_bytes: int) -> None:
    told = brief(words, max_bytes)
    assert len(quote(told, safe="".join(map(chr, range(32, 127))).replace("%", ""))) <= max_bytes
    assert told == words or (told.endswith("...") and words.startswith(told[:-3]))


def test_a_lone_surrogate_is_replaced() -> None:
    assert brief("a\ud800b") == "a?b"


def test_an_event_that_tells_of_an_error_is_brief() -> None:
    told = Error.of(InvalidInput("segment_id must be short, not " + "語" * 10_000))
    assert len(told.message) < 600
    assert told.message.startswith("segment_id must be short")
