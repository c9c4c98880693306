"""From settings to a model that converses."""

from pathlib import Path

import pytest

from duologue.errors import ModelUnavailable
from duologue.forward.state_head import AdapterCard, StateHead
from duologue.runtime.adapters import load_head
from duologue.runtime.assembly import assemble
from duologue.settings import DecodingSettings, ModelSettings, Settings
from duologue.states import State
from tests.tiny_models import write_tiny_model
from tests.unit.talk.worlds import DictatedHead, tiny_assembly


def test_the_bundled_model_comes_with_an_adapter(bundled_model_path: Path) -> None:
    assembly = assemble(Settings(model=ModelSettings(device="cpu")))
    assert assembly.head is not None
    assert set(assembly.head.labels) == set(State)
    assert assembly.setup.thresholds == assembly.head.thresholds
    assembly.engine.check_integrity()


def test_a_model_without_an_adapter_can_only_take_turns(tmp_path: Path) -> None:
    folder = str(write_tiny_model(tmp_path, "llama"))
    with pytest.raises(ModelUnavailable, match="no state adapter is known"):
        assemble(Settings(model=ModelSettings(source=folder)))
    settings = Settings(
        model=ModelSettings(source=folder), decoding=DecodingSettings(strategy="turn")
    )
    assert assemble(settings).head is None


def test_an_adapter_can_be_named(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path / "model")
    head.save(tmp_path / "adapter")
    loaded = load_head(str(tmp_path / "adapter"), assembly.model)
    assert loaded is not None
    assert loaded.thresholds == head.thresholds
    with pytest.raises(ModelUnavailable, match="no state adapter in"):
        load_head(str(tmp_path / "nothing"), assembly.model)


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    assembly, _ = tiny_assembly(tmp_path / "model")
    hidden_size = assembly.model.geometry.hidden_size
    wrong = DictatedHead(hidden_size)
    card = AdapterCard(hidden_size, wrong.labels, wrong.thresholds, model_fingerprint="0" * 16)
    StateHead(card, wrong.dense).save(tmp_path / "adapter")
    with pytest.raises(ModelUnavailable, match="fingerprint"):
        load_head(str(tmp_path / "adapter"), assembly.model)
