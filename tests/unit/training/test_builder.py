"""The data set: quotas, determinism, no duplicates, no leaks, no complete text called a cut."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.errors import InvalidInput
from duologue.states import State
from duologue.training.builder import (
    FEW_WORDS,
    MAX_SAME_FEW_WORDS,
    MAX_SAME_WORDS,
    MIN_LEAK_WORDS,
    MIN_WORDS_OUT_OF_CONTEXT,
    BuildSettings,
    build_splits,
    leaks,
)
from duologue.training.contexts import Contexts
from duologue.training.corpora.folder import read_folder
from duologue.training.corpora.records import Corpora, MeetingLine, Split
from duologue.training.cuts import UNFINISHED_AFTER, cut_after_word, cut_at, cut_inside_word
from duologue.training.data_card import data_card
from duologue.training.data_set import build_data_set, read_data_set
from duologue.training.piece_draws import Material
from duologue.training.pieces import PHRASES, Piece, meeting_pieces, read_phrases
from duologue.training.quotas import (
    BEHIND_QUESTIONS,
    MAY_END_EARLY,
    QUOTAS,
    label_of,
)
from duologue.training.sample import Sample, normalised
from duologue.training.written import WRITTEN, written_pieces
from tests.unit.training import corpora

SETTINGS = BuildSettings(train_size=1000, val_size=200, seed=5)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    corpora.write_all(folder)
    return folder


@pytest.fixture(scope="module")
def splits(source: Path) -> dict[Split, list[Sample]]:
    return build_splits(read_folder(source), SETTINGS)[0]


@pytest.fixture(scope="module")
def many(source: Path) -> list[Sample]:
    """Rows to train on, enough for what is said of small shares."""
    return build_splits(read_folder(source), BuildSettings(4000, 200, seed=5))[0]["train"]


def test_every_label_gets_its_share(splits: dict[Split, list[Sample]]) -> None:
    assert sum(QUOTAS.values()) == pytest.approx(1.0)
    assert {sample.label for sample in splits["train"]} == set(map(label_of, QUOTAS))
    assert all(sample.label is label_of(sample.category) for sample in splits["train"])
    counts = Counter(sample.label for sample in splits["train"])
    # The tiny corpora cannot fill every category that needs them; the others are complete.
    assert counts[State.HOLD] == round(SETTINGS.train_size * QUOTAS["hold"])
    for state in State:
        share = sum(share for name, share in QUOTAS.items() if label_of(name) is state)
        wanted = SETTINGS.train_size * share
        assert 0.75 * wanted <= counts[state] <= 1.01 * wanted


def test_every_context_variant_occurs_with_every_label(
    splits: dict[Split, list[Sample]],
) -> None:
    seen = Counter((sample.label, sample.situation) for sample in splits["train"])
    assert len(seen) == 12
    assert min(seen.values()) >= 10


def test_behind_the_question_of_an_answer_stand_holds_and_non_queries_too(
    many: list[Sample],
) -> None:
    """Otherwise whatever comes behind a question would look like its answer."""
    behind = Counter(
        sample.category
        for sample in many
        if sample.context and sample.context[-1].role == "assistant"
        if sample.context[-1].text.endswith("?")
    )
    for category in BEHIND_QUESTIONS:
        rows = sum(sample.category == category for sample in many)
        assert behind[category] >= 0.15 * rows, category


def test_behind_a_lone_turn_of_the_assistants_stand_all_labels(many: list[Sample]) -> None:
    alone = [s for s in many if [turn.role for turn in s.context] == ["assistant"]]
    told = Counter(s.label for s in alone if not s.context[-1].text.endswith("?"))
    assert all(told[label] >= 12 for label in State)


@pytest.mark.parametrize("asking", [False, True])
def test_what_was_told_stands_alone_now_and_then(source: Path, asking: bool) -> None:
    """As a question before its answer does: or else a "yes" behind it would look like one."""
    corpora, phrases = read_folder(source)["train"], read_phrases(held_out=False)
    contexts, rng = Contexts(corpora, phrases["query"], phrases["told"]), Random(7)
    drawn = [contexts.past_turns(rng, asking=asking) for _ in range(600)]
    assert 100 < sum(len(turns) == 1 for turns in drawn) < 400
    assert all(turns[-1].role == "assistant" for turns in drawn)
    assert asking or not any(turns[-1].text.endswith("?") for turns in drawn)


def test_a_running_reply_is_never_part_of_the_context(splits: dict[Split, list[Sample]]) -> None:
    speaking = [sample for sample in splits["train"] if sample.speaking]
    assert speaking
    assert all(sample.context[-1].role == "user" for sample in speaking)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(source: Path) -> None:
    found = read_folder(source)
    small = BuildSettings(train_size=300, val_size=100, seed=1)
    first, second = build_splits(found, small), build_splits(found, small)
    assert first == second
    assert build_splits(found, BuildSettings(300, 100, seed=2))[0] != first[0]


def test_no_row_occurs_twice(splits: dict[Split, list[Sample]]) -> None:
    for samples in splits.values():
        assert len({(s.text, s.context, s.speaking) for s in samples}) == len(samples)
        same = Counter((s.category, normalised(s.text)) for s in samples)
        for (_, words), number in same.items():
            few = len(words.split()) <= FEW_WORDS
            assert number <= (MAX_SAME_FEW_WORDS if few else MAX_SAME_WORDS), words


def test_what_a_few_words_mean_only_their_context_tells(many: list[Sample]) -> None:
    """The cap on the same words is a category's own: backchannels take no "yes" from answers."""
    labels: dict[str, set[State]] = {}
    for sample in many:
        labels.setdefault(normalised(sample.text), set()).add(sample.label)
    both = {words for words, found in labels.items() if {State.QUERY, State.NON_QUERY} <= found}
    assert both & {"yes", "no", "yeah", "okay", "right", "sure"}


def test_a_number_stands_behind_its_question_and_a_retraction_behind_none(
    splits: dict[Split, list[Sample]],
) -> None:
    for sample in splits["train"]:
        if sample.category in ("whole_number", "number_group"):
            assert sample.context[-1].role == "assistant"
        is_written = sample.source == WRITTEN  # with the turns that it was written for
        if (
            sample.category == "retraction"
            and sample.context
            and not (sample.speaking or is_written)
        ):
            last = sample.context[-1]
            assert (last.role, last.text[-1]) != ("assistant", "?")


def test_what_corpora_have_is_preferred_as_far_as_is_asked_for(source: Path) -> None:
    """With a share of 1 nothing else is drawn where they have any; holds they hardly have."""
    found = read_folder(source)
    real = build_splits(found, BuildSettings(1000, 200, seed=5, real_share=1.0))[0]["train"]
    sources = {
        category: {sample.source for sample in real if sample.category == category}
        for category in ("backchannel", "service_query", "interruption")
    }
    made = {WRITTEN, "composed"}
    assert not sources["backchannel"] & made
    assert not sources["service_query"] & made
    assert sources["interruption"] <= made, "no corpus has any"


def test_what_corpora_have_takes_the_place_of_what_is_composed_first(source: Path) -> None:
    phrases, rng = read_phrases(held_out=False), Random(9)
    found = read_folder(source)["train"]
    material = Material.of(found, phrases, written_pieces(held_out=False))
    for real_share, expected in ((0.0, (0.60, 0.26)), (0.35, (0.60, 0.38)), (0.7, (0.30, 0.70))):
        draw = material.draws(real_share)["backchannel"]
        drawn = Counter(draw(rng).source for _ in range(4000))
        written, composed = drawn[WRITTEN] / 4000, drawn["composed"] / 4000
        assert (written, 1 - written - composed) == pytest.approx(expected, abs=0.03)


def test_talk_for_others_in_a_chat_room_gets_no_more_weight(source: Path) -> None:
    found = read_folder(source)["train"]
    chat = Piece("Dave: try again", State.NON_QUERY, "aside", "irc_ubuntu")
    material = Material.of(found, read_phrases(held_out=False), written_pieces(held_out=False))
    shares = []
    for real_share in (0.0, 1.0):
        made = replace(material, pieces={**material.pieces, "aside": [chat]})
        draw, rng = made.draws(real_share)["aside"], Random(9)
        shares.append(sum(draw(rng) is chat for _ in range(2000)))
    assert shares[0] == shares[1] > 0


def test_the_card_says_with_which_command_it_was_made(source: Path, tmp_path: Path) -> None:
    for settings, asked in (
        (BuildSettings(200, 100, seed=3), "--seed 3`"),
        (BuildSettings(200, 100, seed=3, real_share=0.7), "--seed 3 --real-share 0.7`"),
    ):
        build_data_set([source], tmp_path, settings)
        card = (tmp_path / "README.md").read_text(encoding="utf-8")
        assert f"--size 200 --val 100 {asked}" in card


def test_no_validation_text_is_trained_on(splits: dict[Split, list[Sample]]) -> None:
    assert not leaks(splits["train"], splits["val"])


def test_a_leak_is_seen_through_another_style() -> None:
    train = [Sample("What time is it now?", State.QUERY)]
    assert leaks(train, [Sample("what time is it now", State.QUERY)])
    assert not leaks(train, [Sample("what time is it", State.QUERY)])
    assert len(["what", "time", "is", "it", "now"]) >= MIN_LEAK_WORDS


def test_own_rows_are_kept_and_leaking_ones_dropped(source: Path, tmp_path: Path) -> None:
    row = {"text": "please open the third airlock now", "label": "query"}
    corpora.write_rows(tmp_path / "own.val.jsonl", [row])
    corpora.write_rows(
        tmp_path / "own.train.jsonl",
        [row | {"text": "Please open the third airlock now!"}, row | {"text": "close it"}],
    )
    found = read_folder(tmp_path)
    built, _ = build_splits(found, BuildSettings(100, 100))
    assert [s.text for s in built["train"] if not s.source] == ["close it"]
    assert [s.text for s in built["val"] if not s.source] == [row["text"]]


def test_both_styles_occur(splits: dict[Split, list[Sample]]) -> None:
    queries = [s.text for s in splits["train"] if s.label is State.QUERY]
    written = sum(text[-1] in ".?!" for text in queries) / len(queries)
    assert 0.3 < written < 0.6


def test_neither_a_capital_nor_a_mark_tells_whether_a_query_is_complete(
    splits: dict[Split, list[Sample]],
) -> None:
    queries = [s.text for s in splits["train"] if s.label is State.QUERY and s.text[0].isalpha()]
    seen = Counter((text[0].isupper(), text[-1] in ".?!") for text in queries)
    pairs = [(upper, marked) for upper in (True, False) for marked in (True, False)]
    assert min(seen[pair] for pair in pairs) >= 0.03 * len(queries)
    cuts = [s for s in splits["train"] if s.category.startswith("cut")]
    assert any(s.text[0].isupper() for s in cuts)


def test_many_cuts_begin_queries_that_are_also_there_whole(
    splits: dict[Split, list[Sample]],
) -> None:
    whole = {normalised(s.text) for s in splits["train"] if s.label is State.QUERY}
    beginnings = {" ".join(text.split()[:n]) for text in whole for n in range(1, len(text.split()))}
    cuts = [normalised(s.text) for s in splits["train"] if s.category == "cut_after_word"]
    assert sum(text in beginnings for text in cuts) >= 0.4 * len(cuts)


def test_turns_of_dialogues_occur_in_and_out_of_their_context(
    splits: dict[Split, list[Sample]],
) -> None:
    turns = [s for s in splits["train"] if s.source == "sgd" and s.label is State.QUERY]
    situations = Counter(s.situation for s in turns)
    assert situations["alone"] >= 5
    assert situations["after turns"] >= 5
    short = [s for s in turns if len(s.text.split()) < MIN_WORDS_OUT_OF_CONTEXT - 1]
    assert all(s.context for s in short if s.category in ("answer", "correction"))


@pytest.mark.parametrize(
    ("text", "is_query"),
    [
        ("so where does the second cable go?", True),
        ("um have you read the new paper?", True),
        ("right?", False),
        ("the second cable?", False),
        ("do you want the second one or?", False),
    ],
)
def test_only_questions_that_stand_by_themselves_are_taken_from_meetings(
    text: str, is_query: bool
) -> None:
    corpora = Corpora(meetings=[MeetingLine("a", text, "Q", "qy", "qy")])
    pieces = list(meeting_pieces(corpora))
    assert [piece.label for piece in pieces] == ([State.QUERY] if is_query else [])


@pytest.mark.parametrize("text", ["and you know", "so i mean", "yeah but"])
def test_leading_words_alone_are_no_break_off(text: str) -> None:
    corpora = Corpora(meetings=[MeetingLine("a", text, "D", "s", "s")])
    assert not list(meeting_pieces(corpora))


def test_phrases_of_validation_are_not_drawn_in_training() -> None:
    train, val = read_phrases(held_out=False), read_phrases(held_out=True)
    for name in PHRASES:
        assert train[name].templates
        if len(val[name].templates) < len(train[name].templates):
            assert not set(train[name].templates) & set(val[name].templates)


@pytest.mark.parametrize("name", PHRASES)
def test_phrases_are_many_and_well_formed(name: str) -> None:
    grammar, rng = read_phrases(held_out=False)[name], Random(0)
    drawn = {grammar.draw(rng) for _ in range(2000)}
    assert len(drawn) > (200 if name in ("filled_pause", "agreement") else 450)
    assert not any(mark in text for text in drawn for mark in "{}|<>")


def test_a_data_set_survives_the_disk(source: Path, tmp_path: Path) -> None:
    built = build_data_set([source], tmp_path / "out", BuildSettings(200, 100))
    assert read_data_set(tmp_path / "out") == built
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in card
    assert str(tmp_path) not in card
    assert (tmp_path / "out" / "train.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_card_says_how_much_of_each_label_was_made_for_it() -> None:
    rows = [Sample("hush", State.HOLD, "hold", source="composed")] * 2
    rows += [Sample("hush, it's the baby", State.HOLD, "hold", source=WRITTEN)]
    rows += [Sample("stop talking", State.HOLD, "hold", source="clinc150")]
    rows += [Sample("what time is it", State.QUERY, "service_query", source="clinc150")]
    card = data_card({"train": rows, "val": rows[:1]}, SETTINGS, {}, "duologue data build")
    assert "| train | 0% | 0% | 0% | 75% |" in card
    assert "| val | 0% | 0% | 0% | 100% |" in card


def test_a_missing_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"lacks train\.jsonl"):
        read_data_set(tmp_path)


KNOWN = frozenset({"what time is it", "play jazz"})


@pytest.mark.parametrize(
    ("beginning", "rest", "usable", "doubtful"),
    [
        ("what time is it", " in paris", False, False),  # known to be complete
        ("Book a table", " please", False, False),  # lacks only what is dispensable
        ("I am in town.", " Find me a bus", False, False),  # ends a sentence
        ("book a table", " for two", True, True),  # could be all
        ("book a table for", " two", True, False),
        ("what is the", " time", True, False),
        ("what", " time is it", True, False),
    ],
)
def test_cuts_that_are_complete_are_refused(
    beginning: str, rest: str, usable: bool, doubtful: bool
) -> None:
    cut = cut_at(beginning + rest, len(beginning), KNOWN)
    assert (cut is not None) is usable
    if cut is not None:
        assert (cut.text, cut.is_doubtful) == (beginning, doubtful)


@pytest.mark.parametrize(
    ("beginning", "rest", "doubtful"),
    [
        ("two", " of us and a baby", True),  # an answer, whatever follows
        ("aisle", " my knees hurt", True),
        ("at the", " back of the house", False),
        ("the one with", " the lid", False),
    ],
)
def test_behind_a_question_most_beginnings_are_answers(
    beginning: str, rest: str, doubtful: bool
) -> None:
    cut = cut_at(beginning + rest, len(beginning), KNOWN, may_end_early=True)
    assert cut is not None
    assert cut.is_doubtful is doubtful


def test_what_may_end_early_is_cut_only_where_more_is_needed(
    splits: dict[Split, list[Sample]],
) -> None:
    whole = {normalised(s.text) for s in splits["train"] if s.category in MAY_END_EARLY}
    cuts = {normalised(s.text) for s in splits["train"] if s.category == "cut_after_word"}
    begun = {words for words in cuts if any(text.startswith(f"{words} ") for text in whole)}
    assert begun
    assert all(words.split()[-1] in UNFINISHED_AFTER for words in begun if len(words.split()) > 2)


@given(st.lists(st.text("abc'", min_size=1, max_size=6), min_size=1, max_size=8), st.integers())
def test_a_cut_is_a_proper_beginning(words: list[str], seed: int) -> None:
    text = " ".join(words)
    for cut in (
        cut_after_word(text, frozenset(), Random(seed)),
        cut_inside_word(text, frozenset(), Random(seed)),
    ):
        if cut is not None:
            assert text.startswith(cut.text)
            assert 0 < len(cut.text) < len(text)
            follows = text[len(cut.text)]
            assert (follows.isalpha() and cut.text[-1].isalpha()) is cut.inside_word
