"""When the triton set serves a model, and what is said when it does not."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from unittest.mock import PropertyMock, patch

import pytest
import torch
import triton

from duologue.errors import ModelUnavailable
from duologue.forward.kernels import triton_kernels
from duologue.forward.kernels.choice import choose_kernels
from duologue.forward.triton import compiler, presence
from tests.tiny_models import tiny_network

SEVEN = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "seven", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_seven(void) {
    PyObject *module = PyModule_Create(&definition);
    PyModule_AddIntConstant(module, "SEVEN", 7);
    return module;
}
"""


def network(family: str = "llama", dtype: torch.dtype = torch.bfloat16, **changes: Any) -> Any:
    made: Any = tiny_network(family, **changes)
    return made.to(dtype)


@pytest.fixture
def hopper(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every model is taken to be on a device that is not here."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a Hopper")
    monkeypatch.delenv("TRITON_INTERPRET")
    device = PropertyMock(return_value=torch.device("cuda:0"))
    with patch("transformers.PreTrainedModel.device", device):
        yield


@pytest.mark.usefixtures("hopper")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_llama_like_models_on_cuda_run_with_it(dtype: torch.dtype) -> None:
    for family in ("llama", "mistral", "qwen2", "qwen3"):
        chosen = choose_kernels("auto", network(family, dtype))
        assert chosen.kernels.name == "triton"
        assert chosen.reason == f"Llama-like, {str(dtype)[6:]}; for a Hopper"
    assert choose_kernels("torch", network()).kernels.name == "torch"


@pytest.mark.usefixtures("hopper")
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (network("gemma2"), "'gemma2' is not one of the Llama-like families"),
        (network(dtype=torch.float64), "weights are float64"),
        (network(head_dim=300), "heads have 300 dimensions"),
    ],
    ids=str,
)
def test_other_models_on_cuda_run_with_torch_and_say_why(model: Any, reason: str) -> None:
    chosen = choose_kernels("auto", model)
    assert chosen.kernels.name == "torch"
    assert reason in chosen.reason
    with pytest.raises(ModelUnavailable, match=r"model\.kernels is 'triton'"):
        choose_kernels("triton", model)
    with pytest.raises(ModelUnavailable, match="the model is on cuda:0"):
        choose_kernels("native", network())


@pytest.mark.usefixtures("hopper")
def test_old_devices_run_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    chosen = choose_kernels("auto", network())
    assert chosen.kernels.name == "torch"
    assert "capability is 7.5, older than 8.0" in chosen.reason


@pytest.mark.usefixtures("hopper")
def test_without_the_package_models_run_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_kernels, "triton_version", lambda: None)
    assert "triton is not installed" in choose_kernels("auto", network()).reason
    monkeypatch.setattr(presence, "triton_version", lambda: None)
    assert "duologue[cuda]" in presence.state()


@pytest.mark.usefixtures("hopper")
def test_without_a_compiler_models_run_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    assert choose_kernels("auto", network()).kernels.name == "triton", "ziglang is here"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "needs a C compiler" in choose_kernels("auto", network()).reason
    monkeypatch.setenv("CC", "cc")
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": "/does/not/exist"})
    assert "headers of Python" in choose_kernels("auto", network()).reason


def test_the_compiler_of_a_package_serves_where_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(triton.knobs.build, "impl", None)
    compiler.provide()
    build: Any = triton.knobs.build.impl
    source = tmp_path / "seven.c"
    source.write_text(SEVEN, encoding="utf-8")
    spec = spec_from_file_location("seven", build("seven", str(source), str(tmp_path), [], [], []))
    assert spec is not None
    module: Any = module_from_spec(spec)
    assert module.SEVEN == 7


def test_on_a_processor_it_is_for_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = choose_kernels("triton", network())
    assert chosen.kernels.name == "triton"
    assert "interpreter" in chosen.reason
    assert choose_kernels("auto", network()).kernels.name != "triton"
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(ModelUnavailable, match="the model is on cpu, and triton is for CUDA"):
        choose_kernels("triton", network())


def test_settings_tell_what_is_here() -> None:
    assert "Triton" in presence.state()
