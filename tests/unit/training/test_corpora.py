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
    assert found["train"].queries == [Query("what now", "time")]
    assert found["val"].queries == [Query("what then", "time")]
    assert sum(len(split.dialogues) for split in found.values()) == 1
    assert found["val"].meetings[0].general == "fh"
    assert found["val"].rows[0].label is State.NON_QUERY
    assert found["val"].rows[0].context[0].text == "hi"


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
