"""Labels that the other rows contradict are found, and hardly any others."""

from json import loads
from pathlib import Path

import torch

from duologue.states import State
from duologue.training.cleaning import Doubt, doubts, doubts_note, write_doubts
from duologue.training.head_fit import FitSettings
from duologue.training.sample import Sample

ORDER = (State.QUERY, State.NON_QUERY)
SETTINGS = FitSettings(learning_rate=0.1, weight_decay=0.0, batch_size=32)


def rows(wrong: list[int], num_rows: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """Two kinds that lie far apart; the labels at some places are those of the other kind."""
    generator = torch.Generator().manual_seed(3)
    kinds = torch.arange(num_rows) % 2
    features = torch.randn(num_rows, 6, generator=generator) * 0.3
    features[:, 0] += kinds * 4.0 - 2.0
    labels = kinds.clone()
    labels[wrong] = 1 - labels[wrong]
    return features, labels


def test_wrong_labels_are_doubted_and_right_ones_are_not() -> None:
    wrong = [3, 50, 201, 388]
    found = doubts(*rows(wrong), ORDER, SETTINGS)
    assert [doubt.place for doubt in found] == wrong
    assert found[0] == Doubt(3, State.QUERY, State.NON_QUERY)
    assert not doubts(*rows([]), ORDER, SETTINGS)


def test_every_row_is_judged_once_and_the_same_seed_finds_the_same() -> None:
    judged: list[int] = []
    first = doubts(*rows([7]), ORDER, SETTINGS, judged.append)
    assert sum(judged) == 400
    assert doubts(*rows([7]), ORDER, SETTINGS) == first


def test_what_is_left_out_is_written_down(tmp_path: Path) -> None:
    samples = [Sample("oh right", State.QUERY, "spoken_answer"), Sample("hush", State.HOLD)]
    doubted = [Doubt(0, State.QUERY, State.NON_QUERY)]
    write_doubts(tmp_path / "dropped.jsonl", doubted, samples)
    (row,) = map(loads, (tmp_path / "dropped.jsonl").read_text().splitlines())
    assert (row["text"], row["label"], row["taken_for"]) == ("oh right", "query", "non_query")
    assert "1 rows were left out" in doubts_note(doubted, samples)
    assert "spoken_answer 1" in doubts_note(doubted, samples)
