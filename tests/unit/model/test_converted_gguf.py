"""The GGUF files that llama.cpp is measured with."""

from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize

from benchmarks.contenders.llama_gguf import FILE_TYPES, converted_gguf
from tests.tiny_gguf import write_tiny_gguf

ERRORS = {GGMLQuantizationType.BF16: 2**-8, GGMLQuantizationType.Q8_0: 2**-6}


@pytest.mark.parametrize("form", list(FILE_TYPES), ids=lambda form: form.name)
def test_it_has_the_same_weights_in_another_format(
    tmp_path: Path, form: GGMLQuantizationType
) -> None:
    write_tiny_gguf(tmp_path / "tiny.gguf")
    path = converted_gguf(tmp_path / "tiny.gguf", tmp_path / "cache", form)
    assert converted_gguf(tmp_path / "tiny.gguf", tmp_path / "cache", form) == path
    source, target = GGUFReader(tmp_path / "tiny.gguf"), GGUFReader(path)
    file_type = target.get_field("general.file_type")
    assert file_type is not None
    assert file_type.contents() == FILE_TYPES[form]
    for before, after in zip(source.tensors, target.tensors, strict=True):
        assert after.name == before.name
        assert after.tensor_type is (form if before.data.ndim > 1 else before.tensor_type)
        values = dequantize(after.data, after.tensor_type)
        assert np.abs(values - before.data).max() <= ERRORS[form] * np.abs(before.data).max()
