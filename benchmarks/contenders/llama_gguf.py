"""GGUF files made from the bundled Q4_1 one, so that llama.cpp runs the same weights: in bfloat16,
and in its own 8-bit format.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize, quantize

FILE_TYPES = {GGMLQuantizationType.BF16: 32, GGMLQuantizationType.Q8_0: 7}
"""`general.file_type` of a file by the format of its matrices."""

WRITTEN_BY_THE_WRITER = ("general.architecture", "general.file_type")


def converted_gguf(source: Path, folder: Path, form: GGMLQuantizationType) -> Path:
    """A GGUF file in another format, made in `folder` the first time it is asked for."""
    target = folder / f"{source.stem}.{form.name}.gguf"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(f".{os.getpid()}.part")
        _convert(GGUFReader(source), unfinished, form)
        unfinished.replace(target)
    return target


def _convert(reader: GGUFReader, target: Path, form: GGMLQuantizationType) -> None:
    architecture = reader.get_field("general.architecture")
    assert architecture is not None, "a GGUF file without an architecture"
    writer = GGUFWriter(target, str(architecture.contents()))
    writer.add_file_type(FILE_TYPES[form])
    _copy_fields(reader, writer)
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if values.ndim == 1:  # norms stay in float32, as llama.cpp's own converter leaves them
            writer.add_tensor(tensor.name, values)
            continue
        writer.add_tensor(tensor.name, quantize(values, form), raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_fields(reader: GGUFReader, writer: GGUFWriter) -> None:
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in WRITTEN_BY_THE_WRITER:
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind is GGUFValueType.ARRAY else None
        value: Any = field.contents()
        writer.add_key_value(field.name, value, kind, sub_type=inner)
