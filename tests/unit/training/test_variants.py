"""The table of variants: every kind of adapter, on the same samples, with an unseen file."""

import sys
from pathlib import Path

import pytest

from duologue.states import State
from duologue.training import variants
from duologue.training.head_fit import FitSettings
from duologue.training.lora_settings import LoraSettings
from duologue.training.sample import Sample, write_samples
from duologue.training.trainer import TrainSettings
from duologue.training.variants import Variant
from tests.tiny_models import write_tiny_model

TEXTS = {
    State.QUERY: ("what is the capital", "how far is it from here"),
    State.NON_QUERY: ("uh huh", "the train that leaves"),
    State.INCOMPLETE: ("what is the", "how far"),
    State.HOLD: ("hold on", "be quiet"),
}
SAMPLES = [Sample(text, label) for label, texts in TEXTS.items() for text in texts]
TABLE = [
    Variant("rows", TrainSettings((-1,), FitSettings(max_epochs=2))),
    Variant("some", TrainSettings((0, -1), FitSettings(max_epochs=2)), max_samples=5),
    Variant("updates", TrainSettings((1,), lora=LoraSettings(2, 2, max_epochs=1, batch_size=4))),
]


def test_every_variant_has_a_row_with_the_unseen_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_tiny_model(tmp_path / "model")
    for name in ("train", "val", "unseen"):
        write_samples(tmp_path / f"{name}.jsonl", SAMPLES)
    monkeypatch.setattr(variants, "variants", lambda depth: TABLE)
    arguments = ["--data", tmp_path, "--cache", tmp_path / "cache", "--model", model]
    arguments += ["--judge", tmp_path / "unseen.jsonl"]
    monkeypatch.setattr(sys, "argv", ["variants", *map(str, arguments)])
    variants.main()
    heading, line, *rows = capsys.readouterr().out.strip().splitlines()
    assert "unseen query" in heading
    assert len({row.count("|") for row in (heading, line, *rows)}) == 1
    assert [row.split("|")[1].strip() for row in rows] == ["rows", "some", "updates"]
    assert [row.split("|")[2].strip() for row in rows] == ["8", "5", "8"]


def test_the_comparison_fits_models_of_any_depth() -> None:
    for depth in (4, 12, 30, 80):
        for variant in variants.variants(depth):
            if variant.settings.lora is not None:
                variant.settings.lora.adapted(variant.settings.layers, depth)
