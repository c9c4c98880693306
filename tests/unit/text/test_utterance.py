"""An utterance is the joined text of its segments, whatever the order of changes to them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from duologue.errors import CapacityExceeded, DuologueError, InvalidInput
from duologue.text.utterance import (
    MAX_REMEMBERED_SEGMENTS,
    MAX_SEGMENT_ID_CHARS,
    TokenEdit,
    Utterance,
    token_edit,
)
from tests.unit.text.tiny_tokenizers import byte_level

SEGMENTS = ("a", "b", "c", "d", "e")
MAX_CHARS = 30
MAX_SEGMENTS = 3
token_lists = st.lists(st.integers(0, 2), max_size=8)


class UtteranceMachine(RuleBasedStateMachine):
    """Compares with a plain model, and keeps the tokens of the text by edits alone."""

    def __init__(self) -> None:
        super().__init__()
        self.utterance = Utterance(max_chars=MAX_CHARS, max_segments=MAX_SEGMENTS)
        self.texts: dict[str, str] = {}
        self.final: set[str] = set()
        self.decided: set[str] = set()
        self.tokens: list[int] = []

    def change(
        self,
        act: Callable[[str, str, bool], None],
        segment: str,
        whole: str,
        text: str,
        is_final: bool,
    ) -> None:
        """Do it if the model allows it, else see it refused; `whole` is the segment's text then."""
        refusal: type[DuologueError] | None = None
        num_chars = sum(len(other) for name, other in self.texts.items() if name != segment)
        is_unknown = act == self.utterance.revise and segment not in self.texts
        if is_unknown or segment in self.decided | self.final:
            refusal = InvalidInput
        elif num_chars + len(whole) > MAX_CHARS or len({*self.texts, segment}) > MAX_SEGMENTS:
            refusal = CapacityExceeded
        if refusal is not None:
            with pytest.raises(refusal):
                act(segment, text, is_final)
            return
        act(segment, text, is_final)
        self.texts[segment] = whole
        if is_final:
            self.final.add(segment)

    @rule(segment=st.sampled_from(SEGMENTS), text=st.text(max_size=12), is_final=st.booleans())
    def append(self, segment: str, text: str, is_final: bool) -> None:
        whole = self.texts.get(segment, "") + text
        self.change(self.utterance.append, segment, whole, text, is_final)

    @rule(segment=st.sampled_from(SEGMENTS), text=st.text(max_size=12), is_final=st.booleans())
    def revise(self, segment: str, text: str, is_final: bool) -> None:
        self.change(self.utterance.revise, segment, text, text, is_final)

    @rule(dropped=st.booleans())
    def take(self, dropped: bool) -> None:
        if dropped:
            self.utterance.clear()
        else:
            assert self.utterance.take() == "".join(self.texts.values())
        self.decided |= set(self.texts)
        self.texts.clear()

    @invariant()
    def the_text_is_that_of_the_model(self) -> None:
        assert self.utterance.text == "".join(self.texts.values())
        assert self.utterance.segment_ids == tuple(self.texts)
        assert self.utterance.is_empty == (self.utterance.text == "")

    @invariant()
    def edits_keep_the_tokens_those_of_the_whole_text(self) -> None:
        whole = byte_level().encode(self.utterance.text)
        edit = token_edit(self.tokens, whole)
        self.tokens[edit.keep :] = edit.append
        assert self.tokens == whole


TestUtterance = UtteranceMachine.TestCase


@given(old=token_lists, new=token_lists)
def test_an_edit_leads_from_old_to_new_and_keeps_the_most(old: list[int], new: list[int]) -> None:
    edit = token_edit(old, new)
    assert [*old[: edit.keep], *edit.append] == new
    assert edit.keep == max(
        length for length in range(len(old) + 1) if old[:length] == new[:length]
    )


def test_an_edit_between_equal_lists_is_empty() -> None:
    assert token_edit([1, 2], (1, 2)) == TokenEdit(2, ())
    assert token_edit([], []) == TokenEdit(0, ())


def test_segments_keep_the_order_of_their_first_appearance() -> None:
    utterance = Utterance()
    utterance.append("first", "What is ")
    utterance.append("second", "wether?")
    utterance.append("first", "the ")
    utterance.revise("second", "weather?", is_final=True)
    assert utterance.text == "What is the weather?"
    assert utterance.segment_ids == ("first", "second")


def test_a_final_segment_is_named_in_the_refusal() -> None:
    utterance = Utterance()
    utterance.append("s1", "Hello", is_final=True)
    with pytest.raises(InvalidInput, match="'s1' is final"):
        utterance.append("s1", " there")
    with pytest.raises(InvalidInput, match="'s1' is final"):
        utterance.revise("s1", "Hi")
    assert utterance.text == "Hello"


def test_late_text_for_a_decided_segment_is_refused() -> None:
    utterance = Utterance()
    utterance.append("s1", "Hello")
    assert utterance.take() == "Hello"
    assert utterance.is_empty
    for late in (utterance.append, utterance.revise):
        with pytest.raises(InvalidInput, match="'s1' was already decided"):
            late("s1", " there")
    utterance.append("s2", " there")
    assert utterance.text == " there"


def test_the_memory_of_decided_segments_is_bounded() -> None:
    utterance = Utterance()
    for number in range(MAX_REMEMBERED_SEGMENTS + 1):
        utterance.append(f"s{number}", "x")
        utterance.take()
    utterance.append("s0", "forgotten")
    with pytest.raises(InvalidInput, match="'s1' was already decided"):
        utterance.append("s1", "x")


def test_limits_say_what_is_allowed() -> None:
    utterance = Utterance(max_chars=5, max_segments=1)
    utterance.append("s1", "12345")
    with pytest.raises(CapacityExceeded, match="6 characters; at most 5"):
        utterance.append("s1", "6", is_final=True)
    with pytest.raises(CapacityExceeded, match="1 segments already"):
        utterance.append("s2", "")
    utterance.revise("s1", "123")  # the refusal did not make it final
    utterance.append("s1", "45")
    assert utterance.text == "12345"


@pytest.mark.parametrize("segment_id", ["", "x" * (MAX_SEGMENT_ID_CHARS + 1)])
def test_an_unusable_segment_id_is_refused(segment_id: str) -> None:
    with pytest.raises(InvalidInput, match="segment_id"):
        Utterance().append(segment_id, "text")


def test_revising_an_unknown_segment_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'s1' is not known"):
        Utterance().revise("s1", "text")


def test_a_lone_surrogate_is_refused() -> None:
    utterance = Utterance()
    with pytest.raises(InvalidInput, match="surrogates"):
        utterance.append("s1", "\ud83d")
    assert utterance.segment_ids == ()
