"""A response knows what was shown of a reply and what of that the user heard."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.floor_settings import FloorSettings
from duologue.lane.slices import Heard
from duologue.lane.steps import EndReason
from duologue.session.response import Response
from duologue.session.stopping import StopStrings
from duologue.text.tokenizer import Tokenizer
from tests.unit.text.tiny_tokenizers import byte_level, sentence_piece

TOKENIZERS = {"byte-level": byte_level(), "sentence-piece": sentence_piece()}
FLOOR = FloorSettings(heard_within_chars=0)
FAMILY = "👩‍👩‍👧"
texts = st.text(st.sampled_from("ab  é天🙂\u0301\u200d👩"), max_size=12)


class Reply:
    """A response that is shown as soon as it may be, with its tokenizer."""

    def __init__(self, *stop_strings: str, reports: bool = False, kind: str = "byte-level") -> None:
        self.tokenizer = TOKENIZERS[kind]
        acked_chars = 0 if reports else None
        self.response = Response(StopStrings(stop_strings), acked_chars=acked_chars)

    def push(self, tokens: Sequence[int]) -> str:
        self.response.push(tokens, self.tokenizer)
        return self.response.show(0.0)

    def finish(self) -> str:
        self.response.finish(EndReason.STOP, self.tokenizer)
        return self.response.show(0.0)

    def acknowledge(self, heard_chars: int) -> None:
        self.response.acknowledge(heard_chars, 0.0)

    @property
    def heard_chars(self) -> int:
        return self.response.heard_chars(FLOOR, 0.0)

    @property
    def heard_text(self) -> str:
        return self.response.shown_text[: self.heard_chars]

    @property
    def heard(self) -> Heard:
        return self.response.heard(self.heard_chars, self.tokenizer)

    @property
    def is_heard(self) -> bool:
        return self.response.is_heard(FLOOR, 0.0)


def tokens_of(text: str) -> list[int]:
    return byte_level().encode(text)


def kept(heard: Heard, tokens: list[int], tokenizer: Tokenizer | None = None) -> str:
    """What the trunk keeps, as text."""
    return (tokenizer or byte_level()).decode([*tokens[: heard.keep], *heard.tail])


def test_text_is_shown_in_whole_clusters_and_the_rest_at_the_end() -> None:
    reply = Reply()
    shown = reply.push(tokens_of("Hi e\u0301"))
    assert shown == "Hi "
    assert reply.finish() == "e\u0301"
    assert reply.response.num_shown_chars == 5


def test_who_reports_nothing_heard_all_that_was_shown() -> None:
    reply = Reply()
    reply.push(tokens_of("Hello there"))
    assert reply.heard_text == "Hello ther"
    assert reply.is_heard
    assert kept(reply.heard, tokens_of("Hello there")) == "Hello ther"


def test_who_reports_has_heard_nothing_before_the_first_report() -> None:
    reply = Reply(reports=True)
    reply.push(tokens_of("Hello there"))
    assert reply.heard_chars == 0
    assert reply.heard == Heard(0, ())
    assert not reply.is_heard


def test_a_report_cuts_in_the_middle_of_a_token() -> None:
    tokens = tokens_of("What is the weather")
    reply = Reply()
    reply.push(tokens)
    reply.acknowledge(len("What is the wea"))
    heard = reply.heard
    assert heard.tail != ()
    assert kept(heard, tokens) == "What is the wea"
    assert reply.heard_text == "What is the wea"
    assert not reply.is_heard


def test_a_report_cuts_in_the_middle_of_a_character() -> None:
    tokens = tokens_of(f"Hi {FAMILY}!")
    reply = Reply()
    reply.push(tokens)
    reply.acknowledge(len("Hi 👩"))
    assert kept(reply.heard, tokens) == "Hi 👩"


def test_the_latest_report_counts_also_when_it_is_the_smaller() -> None:
    reply = Reply()
    reply.push(tokens_of("Hello there"))
    reply.acknowledge(8)
    reply.acknowledge(3)
    assert reply.heard_text == "Hel"


def test_a_report_of_more_than_was_shown_is_all_that_was_shown() -> None:
    reply = Reply()
    reply.push(tokens_of("Hello there"))
    reply.acknowledge(100)
    assert reply.heard_chars == reply.response.num_shown_chars
    assert reply.is_heard


def test_a_stop_string_ends_what_is_shown() -> None:
    reply = Reply("###")
    assert reply.push(tokens_of("One.##")) == "One."
    assert reply.push(tokens_of("# Two.")) == ""
    assert reply.response.stops.is_met
    assert reply.finish() == ""
    assert kept(reply.heard, tokens_of("One.##") + tokens_of("# Two.")) == "One."


def test_a_stop_string_may_be_completed_by_the_last_cluster() -> None:
    """The last cluster is kept back until the end, for an accent might follow it."""
    reply = Reply("###")
    assert reply.push(tokens_of("One.###")) == "One."
    assert not reply.response.stops.is_met
    assert reply.finish() == ""
    assert reply.response.stops.is_met


def test_the_beginning_of_a_stop_string_is_shown_at_the_end() -> None:
    reply = Reply("###")
    assert reply.push(tokens_of("One.##")) == "One."
    assert reply.finish() == "##"


def test_what_is_held_for_a_stop_string_was_not_heard() -> None:
    reply = Reply("###")
    reply.push(tokens_of("One.## "))
    reply.acknowledge(100)
    assert reply.heard_text == "One."


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(text=texts, share=st.floats(0, 1), slices=st.integers(1, 4))
def test_what_is_kept_reads_as_what_was_heard(
    kind: str, text: str, share: float, slices: int
) -> None:
    tokenizer = TOKENIZERS[kind]
    tokens = tokenizer.encode(text)
    reply = Reply(kind=kind)
    shown = "".join(
        reply.push(tokens[begin : begin + slices]) for begin in range(0, len(tokens), slices)
    )
    shown += reply.finish()
    assert shown == tokenizer.decode(tokens)
    heard_chars = round(share * len(shown))
    heard = reply.response.heard(heard_chars, tokenizer)
    assert kept(heard, tokens, tokenizer) == shown[:heard_chars]


@given(st.lists(st.integers(0, 699), max_size=40), st.floats(0, 1))
def test_what_is_kept_of_any_tokens_reads_as_what_was_heard(
    tokens: list[int], share: float
) -> None:
    reply = Reply()
    shown = reply.push(tokens)
    assert kept(reply.heard, tokens) == shown
    reply.acknowledge(round(share * len(shown)))
    assert kept(reply.heard, tokens) == reply.heard_text


# A report that stops just short of the end, or stops.


def told(text: str, acked_chars: int, *, is_ended: bool = True) -> Response:
    """It was shown whole at 0 ms, and reported so far at 1,000 ms."""
    reply = Reply(reports=True)
    reply.push(tokens_of(text))
    if is_ended:
        reply.finish()
    reply.response.acknowledge(acked_chars, 1000.0)
    return reply.response


@pytest.mark.parametrize(
    ("text", "acked_chars", "heard_chars"),
    [
        ("It is fine.", 8, 11),
        ("It is fine.", 7, 7),
        ("It is fine ... !!", 10, 17),
        ("It is fine ... !!", 9, 9),
        ("No.", 0, 0),
    ],
    ids=["three characters", "four", "marks only", "marks and a letter", "nothing was reported"],
)
def test_a_report_just_short_of_the_end_is_a_report_of_all(
    text: str, acked_chars: int, heard_chars: int
) -> None:
    assert told(text, acked_chars).heard_chars(FloorSettings(), 1000.0) == heard_chars


def test_not_while_more_may_come() -> None:
    unended = told("It is fine, and", 12, is_ended=False)
    assert unended.num_shown_chars == 14
    assert unended.heard_chars(FloorSettings(), 1e9) == 12


def test_what_is_no_longer_reported_was_heard() -> None:
    floor = FloorSettings(heard_after_ms=4000)
    silent = told("It is fine.", 2)
    assert silent.heard_chars(floor, 4999.0) == 2
    assert silent.heard_chars(floor, 5000.0) == 11
