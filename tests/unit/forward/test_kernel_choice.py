"""Which kernel set serves a model, and what is said of it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from duologue.errors import ModelUnavailable
from duologue.forward.kernels import choice
from duologue.forward.kernels.choice import choose_kernels
from duologue.forward.native import build, library, variants
from duologue.forward.native.build import BuildFailed, built_library
from duologue.forward.native.library import NotLoaded, load_library
from duologue.forward.native.variants import VARIANTS, best_variant, processor_flags
from tests.native import needs_native
from tests.tiny_models import tiny_network

AVX512 = "fma avx2 f16c bmi2 avx512f avx512bw avx512vl avx512dq"


def network(family: str = "llama", dtype: torch.dtype = torch.bfloat16, **changes: Any) -> Any:
    made: Any = tiny_network(family, **({"head_dim": 16} | changes))
    return made.to(dtype)


@needs_native
def test_llama_like_models_in_bfloat16_run_natively() -> None:
    for family in ("llama", "mistral", "qwen2", "qwen3"):
        chosen = choose_kernels("auto", network(family))
        assert chosen.kernels.name == "native"
        assert "Llama-like" in chosen.reason


@needs_native
def test_float32_runs_natively_only_when_that_is_asked_for() -> None:
    model = network(dtype=torch.float32)
    assert choose_kernels("auto", model).kernels.name == "torch"
    assert choose_kernels("native", model).kernels.name == "native"


@needs_native
def test_weights_of_8_bits_are_the_native_sets() -> None:
    chosen = choose_kernels("auto", network(), "int8")
    assert (chosen.kernels.name, chosen.is_int8) == ("native", True)
    assert not choose_kernels("auto", network()).is_int8


@pytest.mark.parametrize(
    ("wanted", "model", "reason"),
    [
        ("torch", network(), "model.kernels asks for it"),
        ("auto", network("gemma2"), "'gemma2' is not one of the Llama-like families"),
        ("auto", network(dtype=torch.float32), "the model is in float32"),
    ],
    ids=str,
)
def test_weights_of_8_bits_are_refused_elsewhere(wanted: str, model: Any, reason: str) -> None:
    with pytest.raises(ModelUnavailable, match=rf"model\.weights is 'int8'.*{reason}"):
        choose_kernels(wanted, model, "int8")


def test_torch_can_be_asked_for() -> None:
    assert choose_kernels("torch", network()).kernels.name == "torch"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (network("gemma2"), "'gemma2' is not one of the Llama-like families"),
        (network(head_dim=8), "heads have 8 dimensions"),
        (network(hidden_act="gelu"), "activation is gelu"),
        (network(mlp_bias=True), "dense layers have biases"),
        (network(dtype=torch.float16), "weights are float16"),
        (
            network(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}),
            "of the kind 'dynamic'",
        ),
        (
            network(
                "qwen2",
                use_sliding_window=True,
                sliding_window=12,
                layer_types=["sliding_attention", "full_attention"],
            ),
            "differ in how far they look back",
        ),
    ],
    ids=str,
)
def test_other_models_run_with_torch_and_say_why(model: Any, reason: str) -> None:
    chosen = choose_kernels("auto", model)
    assert chosen.kernels.name == "torch"
    assert reason in chosen.reason
    with pytest.raises(ModelUnavailable, match=r"model\.kernels is 'native'"):
        choose_kernels("native", model)


def test_without_a_library_models_run_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_loaded(_is_int8: bool) -> None:
        raise NotLoaded("no C compiler here")

    monkeypatch.setattr(choice, "_native", not_loaded)
    chosen = choose_kernels("auto", network())
    assert (chosen.kernels.name, chosen.reason) == ("torch", "no C compiler here")
    with pytest.raises(ModelUnavailable, match="no C compiler here"):
        choose_kernels("native", network())


def test_an_old_processor_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "best_variant", lambda: None)
    with pytest.raises(NotLoaded, match="AVX2 at least"):
        load_library()
    monkeypatch.setattr(build, "best_variant", lambda: None)
    assert "AVX2 at least" in build.state()


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (f"{AVX512} avx512vbmi avx512_bf16", "avx512bf16"),
        (f"{AVX512} avx512_bf16", "avx512"),
        (AVX512, "avx512"),
        ("fma avx2 f16c bmi2 avx512f", "avx2"),
        ("sse4_2 avx", None),
    ],
)
def test_the_best_variant_follows_from_the_processors_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, name: str | None
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n", encoding="utf-8")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    found = processor_flags(cpuinfo)
    monkeypatch.setattr(variants, "processor_flags", lambda: found)
    best = best_variant()
    assert (best.name if best is not None else None) == name


def test_other_kinds_of_processors_have_no_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert best_variant() is None


def test_every_way_of_building_is_told_when_all_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho unknown flag >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    monkeypatch.setattr(
        build, "compilers", lambda: iter([("cc", (str(broken),)), ("no", ("/does/not/exist",))])
    )
    with pytest.raises(BuildFailed, match=r"cc: unknown flag; no: .*No such file"):
        built_library(VARIANTS[0])


def test_without_a_compiler_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "compilers", lambda: iter([]))
    monkeypatch.setattr(build, "BESIDE", tmp_path / "beside")
    with pytest.raises(BuildFailed, match="no C compiler"):
        built_library(VARIANTS[0])
    if best_variant() is not None:
        assert "no C compiler" in build.state()


def test_what_is_built_is_found_again_and_not_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "BESIDE", tmp_path / "beside")
    made: list[Path] = []

    def compile_sources(command: object, variant: object, target: Path) -> None:
        made.append(target)
        target.write_bytes(b"a library")

    monkeypatch.setattr(build, "compilers", lambda: iter([("cc", ("cc",))]))
    monkeypatch.setattr(build, "compile_sources", compile_sources)
    first, second = built_library(VARIANTS[0]), built_library(VARIANTS[0])
    assert first == second
    assert len(made) == 1
    assert first.read_bytes() == b"a library"
    assert built_library(VARIANTS[1]) != first
    assert not made[0].exists()


def test_what_lies_beside_the_sources_is_found_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "BESIDE", tmp_path / "beside")
    monkeypatch.setattr(build, "compilers", lambda: iter([]))
    shipped = tmp_path / "beside" / build._name(VARIANTS[0])
    shipped.parent.mkdir()
    shipped.write_bytes(b"a library")
    assert built_library(VARIANTS[0]) == shipped
