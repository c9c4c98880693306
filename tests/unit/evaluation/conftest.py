"""A tiny model with a random state head, in folders as commands take them, and assembled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from duologue.forward.state_head import AdapterCard, StateHead
from duologue.runtime.assembly import Assembly, assemble
from duologue.settings import DecodingSettings, ModelSettings, Settings
from duologue.states import State
from tests.tiny_models import write_tiny_model

LABELS = (State.QUERY, State.NON_QUERY, State.INCOMPLETE, State.HOLD)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("eval") / "tiny")


@pytest.fixture(scope="session")
def tiny_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head that finds every state now and then, reading two layers."""
    folder = tmp_path_factory.mktemp("eval") / "adapter"
    card = AdapterCard(
        hidden_size=32,
        labels=LABELS,
        thresholds={State.QUERY: 0.4, State.NON_QUERY: 0.4, State.HOLD: 0.4},
        layers=(0, -1),
    )
    generator = torch.Generator().manual_seed(5)
    weight = torch.randn(len(LABELS), card.input_size, generator=generator) / 4
    StateHead(card, [(weight, torch.zeros(len(LABELS)))]).save(folder)
    return folder


@pytest.fixture(scope="session")
def assembly(tiny_model: Path, tiny_adapter: Path) -> Assembly:
    """In float32. Tests leave no session behind."""
    model = ModelSettings(
        source=str(tiny_model), device="cpu", dtype="float32", adapter=str(tiny_adapter)
    )
    return assemble(Settings(model=model, decoding=DecodingSettings(max_reply_tokens=24)))
