"""An utterance is the joined text of its segments, whatever the order of changes to them."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from duologue.errors import CapacityExceeded, DuologueError, InvalidInput
from duologue.text.joining import join
from duologue.text.matching import text_after
from duologue.text.noise import has_words
from duologue.text.segment_names import MAX_SEGMENT_ID_CHARS
from duologue.text.spacing import trimmed
from duologue.text.token_edit import TokenEdit, token_edit
from duologue.text.utterance import (
    MAX_PARTS,
    MAX_REMEMBERED_SEGMENTS,
    Utterance,
)
from tests.unit.text.tiny_tokenizers import byte_level

SEGMENTS = ("a", "b", "c", "d", "e")
MAX_CHARS = 4
MAX_SEGMENTS = 3
token_lists = st.lists(st.integers(0, 2), max_size=8)


def said(texts: Iterable[str]) -> str:
    """Texts as one that is to be judged."""
    whole = trimmed(reduce(join, texts, ""))
    return whole if has_words(whole) else ""


class UtteranceMachine(RuleBasedStateMachine):
    """Compares with a plain model, and keeps the tokens of the text by edits alone."""

    def __init__(self) -> None:
        super().__init__()
        self.utterance = Utterance(max_chars=MAX_CHARS, max_segments=MAX_SEGMENTS)
        self.texts: dict[str, str] = {}
        self.decided: dict[str, str] = {}
        self.before: dict[str, str] = {}
        """Of the segments of the last decision: what had been decided of them before."""
        self.final: set[str] = set()
        self.tokens: list[int] = []

    def active(self, segment: str, text: str) -> str:
        return text_after(text, self.decided.get(segment, ""))

    def open_texts(self) -> dict[str, str]:
        actives = {name: self.active(name, text) for name, text in self.texts.items()}
        return {name: text for name, text in actives.items() if text}

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
        others = {name: text for name, text in self.open_texts().items() if name != segment}
        fresh = self.active(segment, whole)
        is_unknown = act == self.utterance.revise and segment not in self.texts
        is_too_long = sum(map(len, others.values())) + len(fresh) > MAX_CHARS * MAX_PARTS
        is_one_too_many = fresh != "" and len(others) >= MAX_SEGMENTS
        if is_unknown or segment in self.final:
            refusal = InvalidInput
        elif is_too_long or is_one_too_many:
            refusal = CapacityExceeded
        if refusal is not None:
            with pytest.raises(refusal):
                act(segment, text, is_final)
            return
        act(segment, text, is_final)
        if self.decided.get(segment) and not self.active(segment, self.texts[segment]):
            del self.texts[segment]
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

    @rule(segment=st.sampled_from(SEGMENTS), text=st.text(max_size=4))
    def decide(self, segment: str, text: str) -> None:
        """More text may arrive between the snapshot that is judged and the decision."""
        snapshot = dict(self.utterance.snapshot())
        if not self.utterance.parts:
            assert snapshot == self.texts
        self.append(segment, text, False)
        open_texts = self.open_texts()
        self.utterance.decide(snapshot)
        self.before = {n: self.decided.get(n, "") for n in snapshot if n in open_texts}
        self.decided.update({name: text for name, text in snapshot.items() if name in self.texts})
        for name, whole in snapshot.items():
            if len(whole) > MAX_CHARS * MAX_PARTS:
                self.shorten(name)

    def shorten(self, name: str) -> None:
        """What was decided before the last decision is forgotten, where nothing needs it."""
        before = self.before.get(name, "")
        is_needed = self.active(name, self.texts[name]) or self.utterance.parts
        if not is_needed and self.decided[name].startswith(before):
            self.texts[name] = self.texts[name][len(before) :]
            self.decided[name] = self.decided[name][len(before) :]
            self.before.update({name: ""} if name in self.before else {})

    @rule()
    def reopen(self) -> None:
        """What was said first stands first."""
        self.utterance.reopen()
        self.decided.update(self.before)
        first = {name: self.texts[name] for name in self.before if name in self.texts}
        self.texts = {**first, **self.texts}
        self.before = {}

    @invariant()
    def the_text_is_that_of_the_model(self) -> None:
        assert self.utterance.text == said(self.open_texts().values())
        assert self.utterance.segment_ids == tuple(self.open_texts())
        assert self.utterance.is_empty == (self.utterance.text == "")

    @invariant()
    def what_is_judged_is_the_whole_or_its_first_part(self) -> None:
        if not self.utterance.parts:
            assert self.utterance.heard_text == self.utterance.text

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


def test_late_text_of_a_decided_segment_begins_a_new_utterance() -> None:
    utterance = Utterance()
    utterance.append("s1", "What is the capital")
    utterance.settle_as_decided()
    assert utterance.is_empty
    utterance.append("s1", " of France?")
    assert utterance.text == "of France?"
    utterance.revise("s1", "What is the capital of Spain?")
    assert utterance.text == "of Spain?"


def test_a_correction_of_decided_text_is_heard_as_a_whole() -> None:
    utterance = Utterance()
    utterance.append("s1", "Call Ann")
    utterance.settle_as_decided()
    utterance.append("s2", "please")
    utterance.revise("s1", "Call Anna ")
    assert utterance.text == "please a"
    utterance.revise("s1", "Ring Anna ")
    assert utterance.text == "please Ring Anna"


def test_text_that_arrives_while_a_decision_is_on_its_way_is_kept() -> None:
    utterance = Utterance()
    utterance.append("s1", "uh-huh")
    snapshot = utterance.snapshot()
    utterance.append("s1", ", and then?")
    utterance.append("s2", "!")
    utterance.decide(snapshot)
    assert utterance.text == "and then?!"


@pytest.mark.parametrize(
    ("text", "decided", "rest"),
    [
        ("What is it", "", "What is it"),
        ("What is it?", "what is it", ""),
        ("What is it? And why?", "what is it", "And why?"),
        ("what is it and why", "what is it", "and why"),
        ("what was it", "what is it", "what was it"),
        ("what", "what is it", "what"),
        ("STRASSE links", "straße", "links"),
        ("ok \U0001f44d", "ok", "\U0001f44d"),
        ("mm", "...", "mm"),
    ],
)
def test_what_a_text_adds_to_one_that_was_decided(text: str, decided: str, rest: str) -> None:
    assert text_after(text, decided) == rest


def test_a_decision_can_be_taken_back_once() -> None:
    utterance = Utterance()
    utterance.append("s1", "Wait,")
    utterance.settle_as_decided()
    assert utterance.was_decided("s1")
    utterance.append("s1", " what is that?")
    assert utterance.text == "what is that?"
    utterance.reopen()
    assert utterance.text == "Wait, what is that?"
    assert not utterance.was_decided("s1")


@given(decided=st.text(max_size=6), more=st.text(alphabet="abc \u0301", max_size=6))
def test_what_follows_is_never_lost(decided: str, more: str) -> None:
    assert text_after(decided + more, decided).strip().endswith(more.strip())


def test_the_memory_of_decided_text_is_bounded() -> None:
    utterance = Utterance(max_chars=10)
    for number in range(MAX_REMEMBERED_SEGMENTS + 2):
        utterance.append(f"s{number}", "x")
        utterance.settle_as_decided()
    with pytest.raises(InvalidInput, match="'s0' is not known"):
        utterance.revise("s0", "xy")
    for _ in range(100):
        utterance.append("long", "12345678")
        utterance.settle_as_decided()
    assert len(utterance.snapshot()["long"]) <= utterance.max_chars * MAX_PARTS


def test_limits_say_what_is_allowed() -> None:
    utterance = Utterance(max_chars=5, max_segments=1)
    utterance.append("s1", "12345")
    with pytest.raises(CapacityExceeded, match="81 characters; at most 80"):
        utterance.append("s1", "6" * 76, is_final=True)
    utterance.revise("s1", "123")  # the refusal did not make it final
    with pytest.raises(CapacityExceeded, match="1 segments already"):
        utterance.append("s2", " ")
    utterance.append("s1", "45")
    assert utterance.text == "12345"


# What is heard of a text.


@pytest.mark.parametrize("text", ["", "  ", "...", " \n", "[noise]", "(Laughter) ... [ NOISE ]"])
def test_a_text_without_words_is_nothing_to_judge(text: str) -> None:
    utterance = Utterance(noise_tags=("noise", "laughter"))
    utterance.append("s1", text)
    assert utterance.is_empty
    assert utterance.heard_text == ""
    assert utterance.segment_ids == (("s1",) if text else ())


def test_noises_and_white_space_are_not_heard() -> None:
    utterance = Utterance(noise_tags=("noise",))
    utterance.append("s1", "  How  is [noise] it (really)")
    utterance.append("s2", " [Noise] ? ")
    assert utterance.text == "How is it (really)?"
    assert Utterance().noise_tags == (), "who keeps tags says so"


def test_a_noise_that_is_cut_in_two_pieces_is_one() -> None:
    utterance = Utterance(noise_tags=("noise",))
    utterance.append("s1", "well [noi")
    utterance.append("s1", "se] then")
    assert utterance.text == "well then"


# What comes of a decision.


def test_what_was_taken_back_stands_first() -> None:
    """Whichever segment the user goes on in."""
    utterance = Utterance()
    utterance.append("s0", "old")
    utterance.settle_as_decided()
    utterance.append("s2", "one")
    utterance.append("s1", "two")
    utterance.settle_as_decided()
    utterance.append("s3", "three")
    utterance.append("s1", " and")
    utterance.reopen()
    assert utterance.text == "one two and three"
    assert utterance.segment_ids == ("s2", "s1", "s3")


def test_what_was_taken_back_stands_in_the_order_in_which_it_was_said() -> None:
    utterance = Utterance()
    utterance.append("s1", "what is it,")
    utterance.append("s2", "ann?")
    utterance.settle_as_decided()
    utterance.append("s1", " really,")
    utterance.reopen()
    assert utterance.segment_ids == ("s1", "s2")
    assert utterance.text == "what is it, really, ann?"


def test_a_correction_that_says_the_same_leaves_nothing_to_judge() -> None:
    utterance = Utterance()
    utterance.append("s1", "what is it")
    utterance.append("s2", "ann")
    utterance.settle_as_decided()
    utterance.correct("s1", "What's it?")
    assert utterance.is_empty
    assert utterance.last_text == "What's it? ann"
    utterance.append("s2", " and why?")
    assert utterance.text == "and why?"
    utterance.reopen()
    assert utterance.text == "What's it? ann and why?"


def test_a_correction_ends_a_segment_and_is_checked_as_any_text() -> None:
    utterance = Utterance()
    utterance.append("s1", "what is it")
    utterance.settle_as_decided()
    with pytest.raises(InvalidInput, match="surrogates"):
        utterance.correct("s1", "\ud83d")
    assert utterance.last_text == "what is it"
    utterance.correct("s1", "What is it?", is_final=True)
    with pytest.raises(InvalidInput, match="'s1' is final"):
        utterance.correct("s1", "What was it?")
    assert utterance.last_text == "What is it?"


def test_the_last_text_is_that_of_the_last_decision_only() -> None:
    utterance = Utterance()
    assert utterance.last_text == ""
    utterance.append("s1", "one")
    utterance.settle_as_decided()
    utterance.append("s1", " two")
    utterance.append("s2", "three")
    assert utterance.last_text == "one"
    utterance.settle_as_decided()
    assert utterance.last_text == "two three"


# Utterances beyond the limit.


def heard_in_parts(utterance: Utterance) -> list[str]:
    """What is judged, one after the other, until nothing is left."""
    heard: list[str] = []
    while not utterance.is_empty or utterance.parts:
        assert len(heard) < 1000, "it never ends"
        heard.append(utterance.heard_text)
        utterance.decide(utterance.snapshot())
    return heard


def test_an_utterance_beyond_the_limit_is_heard_in_parts_that_end_with_words() -> None:
    utterance = Utterance(max_chars=10)
    utterance.append("s1", "one two three")
    assert utterance.heard_text == "one two"
    assert utterance.text == "one two three"
    utterance.append("s1", " four")
    utterance.append("s2", "incomprehensible")
    assert heard_in_parts(utterance) == ["one two", "three four", "incomprehe", "nsible"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.text(alphabet="xyz ,?é天", max_size=40)), max_size=12
    ),
    st.integers(1, 12),
)
def test_no_word_of_a_long_utterance_is_lost_and_none_heard_twice(
    pieces: list[tuple[str, str]], max_chars: int
) -> None:
    utterance = Utterance(max_chars=max_chars)
    for segment_id, text in pieces:
        with suppress(CapacityExceeded):
            utterance.append(segment_id, text)
    whole = sorted(filter(str.isalnum, utterance.text))
    heard = heard_in_parts(utterance)
    assert sorted(filter(str.isalnum, "".join(heard))) == whole
    assert all(sum(map(str.isalnum, text)) <= max_chars for text in heard)


def test_a_part_that_was_taken_back_before_it_was_settled_is_not_heard() -> None:
    utterance = Utterance(max_chars=10)
    utterance.append("s1", "one two three four")
    utterance.revise("s1", "five six")
    assert heard_in_parts(utterance) == ["five six"]


def test_what_grows_beyond_the_limit_when_it_is_taken_back_is_heard_in_parts() -> None:
    utterance = Utterance(max_chars=10)
    utterance.append("s1", "one two")
    utterance.settle_as_decided()
    utterance.append("s1", " three")
    utterance.reopen()
    assert heard_in_parts(utterance) == ["one two", "three"]


def test_what_was_decided_of_a_long_segment_comes_back_too() -> None:
    utterance = Utterance(max_chars=10)
    utterance.append("s1", "one two three")
    utterance.decide(utterance.snapshot())
    assert utterance.text == "three"
    utterance.decide(utterance.snapshot())
    utterance.append("s1", " four")
    utterance.reopen()
    assert utterance.text == "three four"


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
