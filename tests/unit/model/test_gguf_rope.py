"""The scaling of rotary positions that a GGUF file names is kept, or the file is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from duologue.errors import ModelUnavailable
from duologue.model.gguf_rope import scaled_rope
from duologue.model.loading import LoadedModel, load_model
from tests.tiny_gguf import write_tiny_gguf

FACTORS = np.array([1.0, 1.5, 4.0, 8.0], dtype=np.float32)
Add = Callable[[gguf.GGUFWriter], None]


@pytest.fixture(autouse=True)
def cache_in_the_test_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path / "cache"))


def load(tmp_path: Path, add: Add) -> LoadedModel:
    write_tiny_gguf(tmp_path / "tiny.gguf", add=add)
    return load_model(tmp_path / "tiny.gguf", device="cpu", dtype="float32", attention="eager")


def frequencies(model: LoadedModel) -> torch.Tensor:
    body: Any = model.network.base_model
    found: torch.Tensor = body.rotary_emb.inv_freq
    return found


def linear(writer: gguf.GGUFWriter) -> None:
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(4.0)


def yarn(writer: gguf.GGUFWriter) -> None:
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(4.0)
    writer.add_rope_scaling_orig_ctx_len(128)


def by_tensor(writer: gguf.GGUFWriter) -> None:
    writer.add_tensor("rope_freqs.weight", FACTORS)


def by_two_tensors(writer: gguf.GGUFWriter) -> None:
    writer.add_tensor("rope_factors_long.weight", FACTORS)
    writer.add_tensor("rope_factors_short.weight", FACTORS)


def unknown(writer: gguf.GGUFWriter) -> None:
    writer.add_string("llama.rope.scaling.type", "spiral")


def test_linear_scaling_is_kept(tmp_path: Path) -> None:
    plain = load(tmp_path, lambda writer: None)
    torch.testing.assert_close(frequencies(load(tmp_path, linear)), frequencies(plain) / 4)


def test_yarn_is_kept(tmp_path: Path) -> None:
    config: Any = load(tmp_path, yarn).network.config
    assert config.rope_parameters["rope_type"] == "yarn"
    assert config.rope_parameters["factor"] == 4.0
    assert config.rope_parameters["original_max_position_embeddings"] == 128


def test_factors_of_frequencies_are_kept(tmp_path: Path) -> None:
    plain = load(tmp_path, lambda writer: None)
    scaled = load(tmp_path, by_tensor)
    expected = frequencies(plain) / torch.from_numpy(FACTORS)
    torch.testing.assert_close(frequencies(scaled), expected)
    body: Any = scaled.network.base_model
    assert body.rotary_emb.attention_scaling == 1.0


@pytest.mark.parametrize(
    ("add", "message"), [(by_two_tensors, "longrope"), (unknown, r"unknown way \('spiral'\)")]
)
def test_what_cannot_be_kept_is_refused(tmp_path: Path, add: Add, message: str) -> None:
    with pytest.raises(ModelUnavailable, match=message):
        load(tmp_path, add)


def test_where_layers_differ_those_that_see_everything_are_scaled(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "tiny.gguf", add=linear)
    reader = gguf.GGUFReader(tmp_path / "tiny.gguf")
    plain = {"rope_type": "default", "rope_theta": 1e4}
    scaled = scaled_rope(reader, {"full_attention": plain, "sliding_attention": plain})
    linear_one = {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}
    assert scaled == {"full_attention": linear_one, "sliding_attention": plain}
    with pytest.raises(ModelUnavailable, match="not known in which layers"):
        scaled_rope(reader, {"some_attention": plain})
