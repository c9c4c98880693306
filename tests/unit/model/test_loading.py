"""Models of several families load from folders, with everything that the engine reads."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from duologue.model.geometry import ModelGeometry
from duologue.model.loading import LoadedModel, load_model
from tests.tiny_models import FAMILIES, tiny_network, write_tiny_model

ROWS = torch.tensor([[5, 60, 7, 200, 9, 31]])  # [1, rows]


def load(folder: Path, dtype: str = "float32") -> LoadedModel:
    return load_model(folder, device="cpu", dtype=dtype, attention="eager")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_loads_as_it_was_saved(tmp_path: Path, family: str) -> None:
    model = load(write_tiny_model(tmp_path / "tiny", family))
    with torch.inference_mode():
        expected = tiny_network(family)(ROWS).logits
        torch.testing.assert_close(model.network(ROWS).logits, expected, rtol=1e-5, atol=1e-5)
    assert model.geometry == ModelGeometry(
        num_layers=2,
        num_heads=4,
        num_kv_heads=2,
        head_dim=8,
        hidden_size=32,
        vocab_size=320,
        max_positions=512,
    )
    assert model.name == "tiny"
    assert not model.network.training
    assert not any(weight.requires_grad for weight in model.network.parameters())


def test_text_sizes_of_a_model_with_several_parts() -> None:
    from transformers import Gemma3Config

    text = {"hidden_size": 48, "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 8}
    geometry = ModelGeometry.from_config(Gemma3Config(text_config=text))
    assert (geometry.hidden_size, geometry.num_heads, geometry.num_kv_heads) == (48, 6, 3)


def test_cell_size_counts_keys_and_values_of_all_layers() -> None:
    geometry = ModelGeometry(
        num_layers=30,
        num_heads=9,
        num_kv_heads=3,
        head_dim=64,
        hidden_size=576,
        vocab_size=49152,
        max_positions=8192,
    )
    assert geometry.bytes_per_cell(torch.bfloat16) == 30 * 3 * 64 * 2 * 2
    assert geometry.bytes_per_cell(torch.float32) == 2 * geometry.bytes_per_cell(torch.bfloat16)
    assert geometry.num_query_groups == 3


def test_chat_format_is_that_of_the_template(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = write_tiny_model(tmp_path)
    model = load(folder)
    chat, words = model.chat, model.tokenizer
    ours = (
        *chat.opening(words, "Be brief."),
        *chat.user_header,
        *words.encode("What is the train?"),
        *chat.user_end,
        *chat.reply_header,
    )
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the train?"},
    ]
    template = AutoTokenizer.from_pretrained(folder).apply_chat_template(
        messages, add_generation_prompt=True, return_dict=False
    )
    assert list(ours) == template
    assert chat.stop_tokens == {2}


def test_a_model_without_a_template_gets_the_plain_format(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    (folder / "chat_template.jinja").unlink()
    model = load(folder)
    assert model.tokenizer.decode(model.chat.user_header) == "User:\n"


def test_auto_dtype_is_one_that_the_processor_computes_in(tmp_path: Path) -> None:
    model = load(write_tiny_model(tmp_path), dtype="auto")
    assert model.dtype in (torch.float32, torch.bfloat16)
    assert model.network.dtype is model.dtype


def test_fingerprint_names_the_model_and_not_its_number_format(tmp_path: Path) -> None:
    one = write_tiny_model(tmp_path / "one", seed=1)
    two = write_tiny_model(tmp_path / "two", seed=2)
    assert load(one).fingerprint == load(one).fingerprint == load(one, "bfloat16").fingerprint
    assert load(one).fingerprint != load(two).fingerprint


def test_fingerprint_depends_on_the_vocabulary(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    before = load(folder).fingerprint
    file = folder / "tokenizer.json"
    words = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = words["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    file.write_text(json.dumps(words), encoding="utf-8")
    assert load(folder).fingerprint != before


def test_duologue_attention_is_used_unless_another_is_named(tmp_path: Path) -> None:
    model = load_model(write_tiny_model(tmp_path), device="cpu", dtype="float32")
    assert model.network.config._attn_implementation == "duologue"


def test_a_loaded_model_is_a_value(tmp_path: Path) -> None:
    model = load(write_tiny_model(tmp_path))
    assert replace(model, name="other").network is model.network
