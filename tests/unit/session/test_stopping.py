"""A reply ends before the first stop string, and nothing of one is ever shown."""

from hypothesis import given
from hypothesis import strategies as st

from duologue.session.stopping import StopStrings

letters = st.text("ab", max_size=14)
stop_strings = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


def test_without_stop_strings_all_passes_at_once() -> None:
    stops = StopStrings()
    assert stops.push("User: ") == "User: "
    assert not stops.is_met


def test_what_may_become_a_stop_string_is_kept_back() -> None:
    stops = StopStrings(("\nUser:",))
    assert stops.push("Hi.\nUs") == "Hi."
    assert stops.push("ually not.") == "\nUsually not."


def test_a_stop_string_that_comes_in_pieces_is_never_shown() -> None:
    stops = StopStrings(("\nUser:",))
    assert [stops.push(piece) for piece in ("Hi.", "\nU", "se", "r: and")] == ["Hi.", "", "", ""]
    assert stops.is_met
    assert stops.flush() == ""


def test_the_end_of_a_reply_frees_what_was_kept_back() -> None:
    stops = StopStrings(("###",))
    assert stops.push("a ##") == "a "
    assert stops.flush() == "##"
    assert stops.flush() == ""
    assert not stops.is_met


def test_the_first_of_several_stop_strings_counts() -> None:
    stops = StopStrings(("world", "lo"))
    assert stops.push("hello world") == "hel"


def test_of_overlapping_stop_strings_the_one_that_is_complete_first_counts() -> None:
    stops = StopStrings(("a", "baa"))
    assert stops.push("xbaa") == "xb"


def test_a_kept_beginning_does_not_hide_a_later_one() -> None:
    stops = StopStrings(("aab",))
    assert stops.push("aa") == ""
    assert stops.push("a") == "a"
    assert stops.push("b") == ""
    assert stops.is_met


def test_nothing_passes_once_a_string_was_met() -> None:
    stops = StopStrings(("x",))
    stops.push("ax")
    assert stops.push("more") == ""
    assert stops.flush() == ""


def until_a_string_is_complete(text: str, strings: list[str]) -> str:
    """Reads letter by letter."""
    for end in range(1, len(text) + 1):
        complete = [string for string in strings if text[:end].endswith(string)]
        if complete:
            return text[: end - max(map(len, complete))]
    return text


@given(stop_strings, st.lists(letters, max_size=5))
def test_pieces_come_out_as_the_whole_would(strings: list[str], pieces: list[str]) -> None:
    stops, whole = StopStrings(tuple(strings)), "".join(pieces)
    shown = "".join(stops.push(piece) for piece in pieces)
    assert stops.is_met == any(string in whole for string in strings)
    assert shown + stops.flush() == until_a_string_is_complete(whole, strings)


@given(stop_strings, st.lists(letters, max_size=5))
def test_no_more_is_kept_back_than_a_stop_string_may_need(
    strings: list[str], pieces: list[str]
) -> None:
    stops, shown, whole = StopStrings(tuple(strings)), "", ""
    for piece in pieces:
        shown, whole = shown + stops.push(piece), whole + piece
        if not stops.is_met:
            held = whole[len(shown) :]
            assert held == "" or any(string.startswith(held) for string in strings)
