"""A response knows what was shown of a reply and what of that the user heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.lane.slices import Heard
from duologue.session.response import Response
from duologue.text.tokenizer import Tokenizer
from tests.unit.text.tiny_tokenizers import byte_level, sentence_piece

TOKENIZERS = {"byte-level": byte_level(), "sentence-piece": sentence_piece()}
FAMILY = "👩‍👩‍👧"
texts = st.text(st.sampled_from("ab  é天🙂\u0301\u200d👩"), max_size=12)


def response(stop_strings: tuple[str, ...] = (), *, reports_playback: bool = False) -> Response:
    return Response(1, byte_level(), stop_strings, reports_playback=reports_playback)


def tokens_of(text: str) -> list[int]:
    return byte_level().encode(text)


def kept(heard: Heard, tokens: list[int], tokenizer: Tokenizer | None = None) -> str:
    """What the trunk keeps, as text."""
    return (tokenizer or byte_level()).decode([*tokens[: heard.keep], *heard.tail])


def test_text_is_shown_in_whole_clusters_and_the_rest_at_the_end() -> None:
    reply = response()
    shown = reply.push(tokens_of("Hi e\u0301"))
    assert shown == "Hi "
    assert reply.flush() == "e\u0301"
    assert reply.num_shown_chars == 5


def test_who_reports_nothing_heard_all_that_was_shown() -> None:
    reply = response()
    reply.push(tokens_of("Hello there"))
    assert reply.shown_text[: reply.heard_chars] == "Hello ther"
    assert reply.is_heard
    assert kept(reply.heard, tokens_of("Hello there")) == "Hello ther"


def test_who_reports_has_heard_nothing_before_the_first_report() -> None:
    reply = response(reports_playback=True)
    reply.push(tokens_of("Hello there"))
    assert reply.heard_chars == 0
    assert reply.heard == Heard(0, ())
    assert not reply.is_heard


def test_a_report_cuts_in_the_middle_of_a_token() -> None:
    tokens = tokens_of("What is the weather")
    reply = response()
    reply.push(tokens)
    reply.acknowledge(len("What is the wea"))
    heard = reply.heard
    assert heard.tail != ()
    assert kept(heard, tokens) == "What is the wea"
    assert reply.shown_text[: reply.heard_chars] == "What is the wea"
    assert not reply.is_heard


def test_a_report_cuts_in_the_middle_of_a_character() -> None:
    tokens = tokens_of(f"Hi {FAMILY}!")
    reply = response()
    reply.push(tokens)
    reply.acknowledge(len("Hi 👩"))
    assert kept(reply.heard, tokens) == "Hi 👩"


def test_the_latest_report_counts_also_when_it_is_the_smaller() -> None:
    reply = response()
    reply.push(tokens_of("Hello there"))
    reply.acknowledge(8)
    reply.acknowledge(3)
    assert reply.shown_text[: reply.heard_chars] == "Hel"


def test_a_report_of_more_than_was_shown_is_all_that_was_shown() -> None:
    reply = response()
    reply.push(tokens_of("Hello there"))
    reply.acknowledge(100)
    assert reply.heard_chars == reply.num_shown_chars
    assert reply.is_heard


def test_a_stop_string_ends_what_is_shown() -> None:
    reply = response(("###",))
    assert reply.push(tokens_of("One.##")) == "One."
    assert reply.push(tokens_of("# Two.")) == ""
    assert reply.met_stop_string
    assert reply.flush() == ""
    assert kept(reply.heard, tokens_of("One.##") + tokens_of("# Two.")) == "One."


def test_a_stop_string_may_be_completed_by_the_last_cluster() -> None:
    """The last cluster is kept back until the end, for an accent might follow it."""
    reply = response(("###",))
    assert reply.push(tokens_of("One.###")) == "One."
    assert not reply.met_stop_string
    assert reply.flush() == ""
    assert reply.met_stop_string


def test_the_beginning_of_a_stop_string_is_shown_at_the_end() -> None:
    reply = response(("###",))
    assert reply.push(tokens_of("One.##")) == "One."
    assert reply.flush() == "##"


def test_what_is_held_for_a_stop_string_was_not_heard() -> None:
    reply = response(("###",))
    reply.push(tokens_of("One.## "))
    reply.acknowledge(100)
    assert reply.shown_text[: reply.heard_chars] == "One."


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(text=texts, share=st.floats(0, 1), slices=st.integers(1, 4))
def test_what_is_kept_reads_as_what_was_heard(
    kind: str, text: str, share: float, slices: int
) -> None:
    tokenizer = TOKENIZERS[kind]
    tokens = tokenizer.encode(text)
    reply = Response(1, tokenizer, ())
    shown = "".join(
        reply.push(tokens[begin : begin + slices]) for begin in range(0, len(tokens), slices)
    )
    shown += reply.flush()
    assert shown == tokenizer.decode(tokens)
    reply.acknowledge(round(share * len(shown)))
    assert reply.shown_text[: reply.heard_chars] == shown[: round(share * len(shown))]
    assert kept(reply.heard, tokens, tokenizer) == reply.shown_text[: reply.heard_chars]


@given(st.lists(st.integers(0, 699), max_size=40), st.floats(0, 1))
def test_what_is_kept_of_any_tokens_reads_as_what_was_heard(
    tokens: list[int], share: float
) -> None:
    reply = response()
    shown = reply.push(tokens)
    assert kept(reply.heard, tokens) == shown
    reply.acknowledge(round(share * len(shown)))
    assert kept(reply.heard, tokens) == reply.shown_text[: reply.heard_chars]
