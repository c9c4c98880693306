"""Features: what a head is trained on is what the engine's input channel shows it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from duologue.forward.merged import MergedForward
from duologue.forward.rows import Stretch
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.model.loading import LoadedModel, load_model
from duologue.states import State
from duologue.training import feature_store, features
from duologue.training.feature_store import FeatureStore
from duologue.training.features import read_features
from duologue.training.layout import Layout, system_prompt_for
from duologue.training.sample import Sample, Turn
from tests.tiny_models import write_tiny_model

LAYERS = (0, 1, -1)
PAST = (Turn("user", "what is the capital"), Turn("assistant", "it is far from here"))
SAMPLES = [
    Sample("how far is it", State.QUERY, context=PAST),
    Sample("uh huh", State.NON_QUERY, context=(Turn("user", "the train"),), speaking=True),
    Sample("the tra", State.INCOMPLETE),
    Sample("what is the capital of france and how far is it from here", State.QUERY),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LoadedModel:
    return load_model(folder, device="cpu", dtype="float32", attention="sdpa")


def test_layout_is_that_of_the_chat_template(loaded: LoadedModel) -> None:
    layout = Layout(loaded.chat, loaded.tokenizer)
    markup = (
        "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nwhat is the capital<|im_end|>\n"
        "<|im_start|>assistant\nit is far from here<|im_end|>\n<|im_start|>user\nhow far is it"
    )
    expected = loaded.tokenizer.encode_markup(markup)
    assert layout.tokens(SAMPLES[0], "be brief") == expected


def test_a_running_reply_leaves_no_trace_in_the_layout(loaded: LoadedModel) -> None:
    markup = "<|im_start|>user\nthe train<|im_end|>\n<|im_start|>user\nuh huh"
    layout = Layout(loaded.chat, loaded.tokenizer)
    assert layout.tokens(SAMPLES[1]) == loaded.tokenizer.encode_markup(markup)


def test_features_are_what_the_engine_reads(folder: Path, loaded: LoadedModel) -> None:
    """The engine holds trunk and input in separate channels, with a reply running beside them."""
    layout = Layout(loaded.chat, loaded.tokenizer)
    token_lists = [layout.tokens(sample, "be brief") for sample in SAMPLES]
    rows = read_features(loaded.network, token_lists, LAYERS)
    assert rows.shape == (4, 3 * 32)
    engine_side = load_model(folder, device="cpu", dtype="float32")
    for tokens, row in zip(token_lists, rows, strict=True):
        read = read_through_engine(engine_side, tokens, num_input=len(tokens) // 3)
        assert torch.allclose(row, read, rtol=1e-4, atol=1e-4)


def read_through_engine(model: LoadedModel, tokens: list[int], num_input: int) -> Tensor:
    memory = KVMemory(
        model.geometry, budget_bytes=1 << 24, device=model.device, dtype=torch.float32
    )
    forward = MergedForward(model.network, memory, LAYERS)
    slot, _ = memory.open()
    trunk, heard = tokens[:-num_input], tokens[-num_input:]

    def stretch(channel: Channel, piece: list[int], first: int, *, read: bool = False) -> Stretch:
        cells = memory.take(slot, len(piece))
        return Stretch(slot, channel, piece, cells, first, reads_hidden=read)

    forward.run([stretch(Channel.TRUNK, trunk, 0)])
    running_reply = stretch(Channel.OUTPUT, [9, 8, 7, 6, 5], len(trunk))
    output = forward.run([running_reply, stretch(Channel.INPUT, heard, len(trunk), read=True)])
    return output.hidden[0]


def test_rows_do_not_depend_on_their_batch(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(loaded.chat, loaded.tokenizer)
    token_lists = [layout.tokens(sample) for sample in SAMPLES]
    together = read_features(loaded.network, token_lists, LAYERS)
    alone = torch.cat([read_features(loaded.network, [tokens], LAYERS) for tokens in token_lists])
    assert torch.allclose(together, alone, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


def test_progress_adds_up(loaded: LoadedModel) -> None:
    done: list[int] = []
    layout = Layout(loaded.chat, loaded.tokenizer)
    read_features(loaded.network, [layout.tokens(s) for s in SAMPLES], LAYERS, done.append)
    assert sum(done) == len(SAMPLES)


def test_a_stopped_run_goes_on_from_its_finished_parts(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "PART_ROWS", 2)
    whole = FeatureStore(loaded, LAYERS).features(SAMPLES)
    store = FeatureStore(loaded, LAYERS, tmp_path)

    def stop_after_one_part(num_rows: int) -> None:
        if list(tmp_path.glob("*.safetensors")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.features(SAMPLES, stop_after_one_part)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1

    read: list[int] = []
    original = features.read_features

    def counting(*arguments: object) -> Tensor:
        read.append(1)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(feature_store, "read_features", counting)
    assert torch.equal(store.features(SAMPLES), whole)
    assert len(read) == 1
    assert torch.equal(store.features(SAMPLES), whole)
    assert len(read) == 1


def test_system_prompts_vary() -> None:
    alone = [Sample(f"what is {number}", State.QUERY) for number in range(20)]
    assert len({system_prompt_for(sample) for sample in alone}) >= 4
    past = (Turn("user", "how far is it"),)
    behind = {system_prompt_for(replace(sample, context=past)) for sample in alone}
    assert len(behind) == 1  # what stands before them is computed once
