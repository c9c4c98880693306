"""What an utterance teaches: its end what it is, its earlier words that it was not finished."""

import pytest

from duologue.model.loading import LoadedModel, load_model
from duologue.states import State
from duologue.training.layout import Layout
from duologue.training.sample import Sample
from duologue.training.supervision import TaughtUtterance, allowed_columns, complete_texts, taught
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
    assert [lesson.is_last for lesson in one.lessons] == [False] * (len(beginnings) - 1) + [True]
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
