"""What an utterance teaches: its end what it is, its earlier words that it was not finished."""

import pytest

from duologue.model.loading import LoadedModel, load_model
from duologue.states import State
from duologue.training.layout import Layout
from duologue.training.sample import Sample
from duologue.training.supervision import (
    TRAILS,
    Place,
    TaughtUtterance,
    allowed_columns,
    complete_texts,
    taught,
    trail_of,
)
from tests.tiny_models import write_tiny_model

KNOWN = complete_texts(
    [Sample("What is it?", State.QUERY), Sample("what is the", State.INCOMPLETE)]
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(write_tiny_model(tmp_path_factory.mktemp("tiny")), device="cpu")


def teach(loaded: LoadedModel, text: str, label: State) -> TaughtUtterance:
    return taught(Layout(loaded.chat, loaded.tokenizer), Sample(text, label), "be brief", KNOWN)


def taught_beginnings(loaded: LoadedModel, one: TaughtUtterance) -> list[str]:
    header = len(loaded.chat.user_header)
    words = one.tokens[header:]
    return [
        loaded.tokenizer.decode(list(words[: lesson.row - header + 1])) for lesson in one.lessons
    ]


def test_every_unfinished_beginning_is_a_lesson_and_the_end_is_the_label(
    loaded: LoadedModel,
) -> None:
    one = teach(loaded, "is the capital of france far", State.QUERY)
    beginnings = taught_beginnings(loaded, one)
    assert beginnings[-1] == "is the capital of france far"
    assert {"is", "is the", "is the capital of"} <= set(beginnings[:-1])
    places = [lesson.place for lesson in one.lessons]
    assert places == [Place.WITHIN] * (len(beginnings) - 1) + [Place.END]
    assert one.lessons[-1].allowed == {State.QUERY}
    assert all(lesson.allowed == {State.INCOMPLETE} for lesson in one.lessons[:-1])


def test_what_is_whole_by_itself_or_could_be_is_no_lesson(loaded: LoadedModel) -> None:
    beginnings = taught_beginnings(loaded, teach(loaded, "what is it in france", State.QUERY))
    assert "what is it" not in beginnings
    assert "what is" in beginnings
    doubtful = taught_beginnings(loaded, teach(loaded, "name the capital in france", State.QUERY))
    assert "name the capital" not in doubtful


@pytest.mark.parametrize("label", [State.NON_QUERY, State.HOLD])
def test_beginnings_of_the_others_may_be_called_what_they_become(
    loaded: LoadedModel, label: State
) -> None:
    one = teach(loaded, "the train arrives and the", label)
    assert one.lessons[0].allowed == {State.INCOMPLETE, label}
    assert one.lessons[-1].allowed == {label}


def test_allowed_states_are_columns(loaded: LoadedModel) -> None:
    one = teach(loaded, "the train arrives and the", State.HOLD)
    columns = allowed_columns(one.lessons, tuple(State))
    assert columns.sum(1).tolist() == [2] * (len(one.lessons) - 1) + [1]
    assert columns[-1, list(State).index(State.HOLD)]


def test_training_reads_what_a_session_reads(loaded: LoadedModel) -> None:
    layout = Layout(loaded.chat, loaded.tokenizer)
    plain = Sample("is the capital of france far", State.QUERY)
    for text in ("IS THE CAPITAL OF FRANCE FAR", "is the capital of france far,"):
        other = Sample(text, State.QUERY)
        assert layout.utterance(other) == layout.utterance(plain)
        assert taught(layout, other, "be brief", KNOWN) == taught(layout, plain, "be brief", KNOWN)


@pytest.mark.parametrize("trail", [", uh", " uh", "...", " far"])
def test_behind_the_end_a_trail_changes_nothing(loaded: LoadedModel, trail: str) -> None:
    layout = Layout(loaded.chat, loaded.tokenizer)
    sample = Sample("is the capital of france far", State.QUERY)
    bare = taught(layout, sample, "be brief", KNOWN)
    trailed = taught(layout, sample, "be brief", KNOWN, trail)
    assert trailed.lessons[: len(bare.lessons)] == bare.lessons
    assert trailed.tokens[: len(bare.tokens)] == bare.tokens
    last = trailed.lessons[-1]
    assert (last.place, last.allowed) == (Place.TRAIL, frozenset({State.QUERY}))
    assert last.row == len(trailed.tokens) - 1 > bare.lessons[-1].row


def test_a_trail_that_melts_into_the_text_is_left_out(loaded: LoadedModel) -> None:
    layout = Layout(loaded.chat, loaded.tokenizer)
    sample = Sample("is the capital of france fa", State.INCOMPLETE)
    one = taught(layout, sample, "be brief", KNOWN, "r")
    assert one == taught(layout, sample, "be brief", KNOWN)


def test_trails_are_many_fit_the_text_and_stay_the_same() -> None:
    samples = [Sample(f"what is number {count}", State.QUERY) for count in range(300)]
    drawn = [trail_of(sample) for sample in samples]
    assert drawn == [trail_of(sample) for sample in samples]
    assert {*TRAILS, ""} <= set(drawn)
    assert any(trail == f" {count}" for count, trail in enumerate(drawn))
    marked = {trail_of(Sample(f"what is number {count}?", State.QUERY)) for count in range(300)}
    assert not any(trail.startswith((",", ".")) for trail in marked)


def test_the_beginning_of_an_answer_teaches_only_where_its_last_word_needs_another(
    loaded: LoadedModel,
) -> None:
    layout, text = Layout(loaded.chat, loaded.tokenizer), "two of us and a dog"
    rows = [
        [lesson.row for lesson in taught(layout, sample, "be brief", KNOWN).lessons]
        for sample in (
            Sample(text, State.QUERY, "free_answer"),
            Sample(text, State.QUERY, "whole_number"),
        )
    ]
    assert set(rows[0]) < set(rows[1]), "behind 'two' and 'us' nothing is taught"


def test_an_answer_is_whole_only_behind_its_question() -> None:
    known = complete_texts(
        [
            Sample("two tickets", State.QUERY, "short_answer"),
            Sample("stop that", State.HOLD, "hold"),
        ]
    )
    assert known == {"stop that"}
