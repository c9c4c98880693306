"""Corpora are read in the formats in which they are published, and malformed ones are named."""

from pathlib import Path

import pytest

from duologue.errors import InvalidInput
from duologue.states import State
from duologue.training.corpora.folder import read_folder
from duologue.training.corpora.records import Query
from tests.unit.training import corpora


def test_clinc150_is_read_without_its_test_part(tmp_path: Path) -> None:
    corpora.write_clinc150(tmp_path)
    found = read_folder(tmp_path)
    assert len(found["train"].queries) == len(found["val"].queries) == 42
    assert Query("thanks a lot for that", "thank_you") in found["train"].queries
    texts = [query.text for split in found.values() for query in split.queries]
    assert not any(" test" in text for text in texts)


def test_schema_guided_dialogues_keep_speakers_and_acts(tmp_path: Path) -> None:
    corpora.write_schema_guided(tmp_path)
    found = read_folder(tmp_path)
    assert found["train"].counts["dialogues"] == found["val"].counts["dialogues"] == 8
    first, second, *_ = found["val"].dialogues[0]
    assert (first.is_user, second.is_user) == (True, False)
    assert first.text == "I need a bus to arden for dev."
    assert first.acts == {"INFORM_INTENT", "INFORM"}


def test_mrda_meetings_keep_their_tags(tmp_path: Path) -> None:
    corpora.write_mrda(tmp_path)
    found = read_folder(tmp_path)
    assert len(found["train"].meetings) == len(found["val"].meetings) == 40
    line = found["train"].meetings[2]
    assert (line.speaker, line.basic, line.full) == ("me011", "D", "s")
    assert line.text == "but when the train results from arden are"


def test_reduced_json_lines_are_told_by_their_fields(tmp_path: Path) -> None:
    turns = [{"speaker": "user", "text": "a cab please", "acts": ["INFORM"]}]
    corpora.write_rows(tmp_path / "a.train.jsonl", [{"text": "what now", "intent": "time"}])
    corpora.write_rows(tmp_path / "a.val.jsonl", [{"text": "what then", "intent": "time"}])
    corpora.write_rows(tmp_path / "b.train.jsonl", [{"id": "1", "services": [], "turns": turns}])
    meeting = {"speaker": "x", "text": "so", "basic": "F", "general": "fh", "full": "fh"}
    corpora.write_rows(tmp_path / "c.val.jsonl", [meeting])
    row = {"text": "psst", "label": "non_query", "context": [{"role": "user", "text": "hi"}]}
    corpora.write_rows(tmp_path / "d.val.jsonl", [row])
    found = read_folder(tmp_path)
    assert found["train"].queries == [Query("what now", "time", "a")]
    assert found["val"].queries == [Query("what then", "time", "a")]
    assert sum(len(split.dialogues) for split in found.values()) == 1
    assert found["val"].meetings[0].general == "fh"
    assert found["val"].rows[0].label is State.NON_QUERY
    assert found["val"].rows[0].context[0].text == "hi"


def test_every_further_kind_of_rows_is_told_by_its_fields(tmp_path: Path) -> None:
    people = {"slot": "people", "value": "7"}
    kinds: dict[str, list[dict[str, object]]] = {
        "booking.train": [{"text": "7", "requested_slots": ["people"], "labels": [people]}],
        "bank.train": [{"text": "yes", "intents": ["affirm"], "slots": {"date": "today"}}],
        "home.train": [{"text": "lights off"}, {"text": "lights", "scenario": "iot"}],
        "talk.train": [{"conversation": "k", "speaker": "a", "text": "mm", "addressee": "b"}],
        "asked.train": [{"original": "who is it", "disfluent": "what no who is it"}],
    }
    for name, rows in kinds.items():
        corpora.write_rows(tmp_path / f"{name}.jsonl", rows)
        corpora.write_rows(tmp_path / f"{name.replace('train', 'val')}.jsonl", rows)
    found = read_folder(tmp_path)["train"]
    booking, bank = sorted(found.service_turns, key=lambda turn: turn.text)
    assert booking.requested == booking.slots == {"people"}
    assert bank.intents == {"affirm"}
    assert bank.slots == {"date"}
    assert bank.source == "bank"
    assert [query.source for query in found.queries] == ["home", "home"]
    assert found.talk[0].addressee == "b"
    assert found.repaired[0].disfluent == "what no who is it"


def test_masked_numbers_are_filled_in_and_what_lacks_a_piece_is_left_out(tmp_path: Path) -> None:
    rows = [{"text": f"{text} now", "intent": "x"} for text in ("call <phone>", "see <url>")]
    corpora.write_rows(tmp_path / "a.train.jsonl", rows)
    corpora.write_rows(tmp_path / "a.val.jsonl", rows)
    (query,) = read_folder(tmp_path)["train"].queries
    assert query.text == "call 020 7946 0182 now"


def test_each_corpus_without_a_validation_part_gives_one_up(tmp_path: Path) -> None:
    def lines(source: str) -> list[dict[str, object]]:
        return [{"original": f"{source} {number}", "disfluent": "uh"} for number in range(200)]

    corpora.write_rows(tmp_path / "one.train.jsonl", lines("one"))
    corpora.write_rows(tmp_path / "two.train.jsonl", lines("two"))
    corpora.write_rows(tmp_path / "two.val.jsonl", lines("three")[:5])
    found = read_folder(tmp_path)
    held_out = [question.source for question in found["val"].repaired]
    assert held_out.count("two") == 5
    assert 5 <= held_out.count("one") <= 40


def test_what_has_no_validation_part_gives_up_the_same_share_every_time(tmp_path: Path) -> None:
    corpora.write_sentences(tmp_path)
    first, second = read_folder(tmp_path), read_folder(tmp_path)
    train, val = first["train"].sentences, first["val"].sentences
    assert 0.03 < len(val) / (len(train) + len(val)) < 0.2
    assert not set(train) & set(val)
    assert second["val"].sentences == val


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("data_full.json", "{", r"data_full\.json is not CLINC150"),
        ("data_full.json", '{"train": [["no intent"]]}', r"data_full\.json is not CLINC150"),
        ("dialogues_001.json", '[{"turns": [{}]}]', "is not Schema-Guided"),
        ("meeting.txt", "a|b|S|s|s\na|b|c\n", "line 2: 3 fields"),
        ("own.jsonl", '{"text": "x", "label": "maybe"}', r"own\.jsonl, line 1: label: 'maybe'"),
        ("own.jsonl", '{"text": "x", "label": "query"}\nnonsense', "line 2: not JSON"),
        ("own.jsonl", '{"text": "", "label": "query"}', "text: a non-empty"),
        ("own.jsonl", '{"text": "x", "label": "hold", "context": ["y"]}', "context: 'y'"),
        ("own.jsonl", '{"colour": "red"}', "fields colour are unknown"),
        ("readme.md", "nothing", "holds no corpus in a known format"),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=message):
        read_folder(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'nowhere' is not a folder"):
        read_folder(tmp_path / "nowhere")
