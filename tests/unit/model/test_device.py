"""Devices and number formats: what is chosen, and what is refused."""

from pathlib import Path

import pytest
import torch

from duologue.errors import InvalidSetting
from duologue.model.device import choose_device, choose_dtype, computes_in_bfloat16

CPU = torch.device("cpu")


def test_auto_device_is_cuda_where_present() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["tpu", "cuda:first", "", "CPU"])
def test_unknown_device_is_refused_naming_the_allowed(name: str) -> None:
    with pytest.raises(InvalidSetting, match=r"model\.device is .* allowed are auto, cpu, cuda"):
        choose_device(name)


@pytest.mark.parametrize("name", ["cuda:99", "cpu:1"])
def test_absent_device_is_refused(name: str) -> None:
    with pytest.raises(InvalidSetting, match="no such device"):
        choose_device(name)


def test_named_dtypes_and_refusal() -> None:
    assert choose_dtype("float32", CPU) is torch.float32
    assert choose_dtype("bfloat16", CPU) is torch.bfloat16
    with pytest.raises(InvalidSetting, match="'int8'; allowed are auto, float32, bfloat16"):
        choose_dtype("int8", CPU)


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse avx512_bf16 amx\n", True),
        ("flags\t\t: fpu sse amx_bf16\n", True),
        ("flags\t\t: fpu sse avx2 avx512f\n", False),
        ("Features\t: fp asimd bf16\n", True),
        ("Features\t: fp asimd\n", False),
        ("", False),
    ],
)
def test_bfloat16_where_the_processor_says_so(tmp_path: Path, cpuinfo: str, expected: bool) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(cpuinfo)
    assert computes_in_bfloat16(CPU, file) is expected


def test_no_bfloat16_where_the_processor_says_nothing(tmp_path: Path) -> None:
    assert not computes_in_bfloat16(CPU, tmp_path / "missing")
