"""GGUF models that are cut into several files: finding all of them, and joining them into one.

Large models come as `NAME-00001-of-00003.gguf` and so on. The first file has the tokenizer and the
sizes, and every one has some of the weights; each says inside which of how many it is.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duologue.errors import ModelUnavailable

if TYPE_CHECKING:
    from gguf import GGUFReader, GGUFWriter

_PART = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")


def gguf_name(gguf: Path) -> str:
    """What the model in that file is called: its name without the number of a part."""
    found = _PART.fullmatch(gguf.name)
    return found["name"] if found is not None else gguf.stem


def gguf_parts(gguf: Path) -> tuple[Path, ...]:
    """All files of the model that one of them belongs to, in their order.

    Raises ModelUnavailable, naming it, if one is missing.
    """
    found = _PART.fullmatch(gguf.name)
    if found is None:
        return (gguf,)
    count = int(found["count"])
    paths = tuple(
        gguf.with_name(f"{found['name']}-{number:05d}-of-{count:05d}.gguf")
        for number in range(1, count + 1)
    )
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise ModelUnavailable(
            f"{gguf} is one of {count} parts of a model, and {gguf.parent} lacks"
            f" {', '.join(missing[:3])}{', …' if len(missing) > 3 else ''}"
        )
    return paths


def joined_gguf(parts: Sequence[Path], target: Path) -> Path:
    """One file with everything that the parts hold: `target`, or the only part as it is.

    Raises ModelUnavailable if the files are not the parts that their names say.
    """
    from gguf import GGUFReader, GGUFWriter

    readers = [GGUFReader(path) for path in parts]
    for number, (path, reader) in enumerate(zip(parts, readers, strict=True), start=1):
        _require_part(reader, path, number, len(parts))
    if len(parts) == 1:
        return parts[0]
    tensors = [tensor for reader in readers for tensor in reader.tensors]
    wanted = _number(readers[0], "split.tensors.count", len(tensors))
    if len(tensors) != wanted:
        raise ModelUnavailable(f"the parts of {parts[0]} hold {len(tensors)} of {wanted} tensors")
    writer = GGUFWriter(target, str(readers[0].fields["general.architecture"].contents()))
    _copy_fields(readers[0], writer)
    for tensor in tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def _require_part(reader: "GGUFReader", path: Path, number: int, count: int) -> None:
    found = _number(reader, "split.no", 0) + 1, _number(reader, "split.count", 1)
    if found == (number, count):
        return
    if count == 1:
        raise ModelUnavailable(
            f"{path} is part {found[0]} of {found[1]} of a model, and its name does not say so:"
            f" the parts have to be named as NAME-00001-of-{found[1]:05d}.gguf"
        )
    raise ModelUnavailable(
        f"{path} is part {found[0]} of {found[1]} of a model, and by its name part {number} of"
        f" {count}"
    )


def _number(reader: "GGUFReader", name: str, default: int) -> int:
    field = reader.fields.get(name)
    return int(field.contents()) if field is not None else default


def _copy_fields(reader: "GGUFReader", writer: "GGUFWriter") -> None:
    from gguf import GGUFValueType

    for field in reader.fields.values():
        if field.name.startswith(("GGUF.", "split.")) or field.name == "general.architecture":
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind is GGUFValueType.ARRAY else None
        value: Any = field.contents()
        writer.add_key_value(field.name, value, kind, sub_type=inner)
