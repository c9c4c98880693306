"""From a GGUF file to a folder that transformers loads fast: weights, tokenizer, configuration.

Weights are written as float32. Quantised blocks are scale × integer + offset, which bfloat16 cannot
hold exactly: of the bundled model's 273 tensors 212 would change, and with them replies.
This module imports torch and transformers when it is used, not before.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import tokenizers

from duologue.errors import ModelUnavailable
from duologue.model.border import inside_transformers
from duologue.model.checkpoint_files import require_no_pointer
from duologue.model.gguf_parts import joined_gguf
from duologue.model.gguf_rope import scaled_rope
from duologue.model.turn_markup import KNOWN_ENDS
from duologue.model.whole_network import read_whole_network

if TYPE_CHECKING:
    from gguf import GGUFReader

Progress = Callable[[str, float], None]
"""progress(phase, done): what is being done now, and the share in 0..1 that is done before it."""


def ignore_progress(phase: str, done: float) -> None:
    """The progress of those who do not watch."""


_ENDS = ("eos", "eot", "eom")
_CONTROL_TOKEN = 3  # GGUF's token type for markup that is never part of a text


_JOINED = "joined.gguf"


def convert_gguf(parts: Sequence[Path], folder: Path, progress: Progress) -> None:
    """Write into `folder` everything that loading needs, from the parts of a GGUF model alone.

    Raises ModelUnavailable if a file is broken or of a kind that cannot be converted.
    """
    for part in parts:
        require_gguf(part)
    progress("reading the tokenizer", 0.0)
    with inside_transformers(f"convert {parts[0]}"):
        gguf = joined_gguf(parts, folder / _JOINED)
        _convert_tokenizer(gguf, folder)
        progress("reading the weights", 0.4)
        with _following_dequantisation(progress, start=0.88, end=0.94):
            _convert_weights(gguf, parts[0], folder, progress)
    (folder / _JOINED).unlink(missing_ok=True)


def require_gguf(gguf: Path) -> None:
    """Raise ModelUnavailable unless this is a file that begins like a GGUF file."""
    try:
        with gguf.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelUnavailable(f"cannot read {gguf}: {error.strerror or error}") from error
    require_no_pointer(gguf)
    if magic != b"GGUF":
        raise ModelUnavailable(f"{gguf} is not a GGUF file")


def _convert_tokenizer(gguf: Path, folder: Path) -> None:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    _restore_tokenizer(tokenizer.backend_tokenizer, gguf)
    tokenizer.save_pretrained(folder)


def _convert_weights(gguf: Path, called: Path, folder: Path, progress: Progress) -> None:
    import torch
    from gguf import GGUFReader

    network = read_whole_network(gguf.parent, called, gguf_file=gguf.name, dtype=torch.float32)
    reader = GGUFReader(gguf)
    network.config.rope_parameters = scaled_rope(
        reader, getattr(network.config, "rope_parameters", None)
    )
    if network.generation_config is not None:
        # Where the file names no end, this is the configuration's default, which means nothing.
        network.generation_config.eos_token_id = _ends(reader) or None
    # The written weights are plain ones: nothing may look for the GGUF file again.
    network.hf_quantizer = None
    if hasattr(network.config, "quantization_config"):
        del network.config.quantization_config
    progress("writing the weights", 0.94)
    network.save_pretrained(folder)


@contextmanager
def _following_dequantisation(progress: Progress, start: float, end: float) -> Iterator[None]:
    """Report each tensor in place of the bar that transformers would draw, which has no switch."""
    from transformers import modeling_gguf_pytorch_utils as reader

    def followed(tensors: Sequence[object], **_labels: object) -> Iterator[object]:
        for index, tensor in enumerate(tensors):
            progress("dequantising the weights", start + (end - start) * index / len(tensors))
            yield tensor

    bar = vars(reader).get("tqdm")
    vars(reader)["tqdm"] = followed
    try:
        yield
    finally:
        vars(reader)["tqdm"] = bar


def _ends(reader: "GGUFReader") -> list[int]:
    """Every token that the file names as the end of something: of a text, a turn, a message."""
    fields = (reader.fields.get(f"tokenizer.ggml.{end}_token_id") for end in _ENDS)
    return sorted({int(field.contents()) for field in fields if field is not None})


def _restore_tokenizer(backend: tokenizers.Tokenizer, gguf: Path) -> None:
    """Put back what transformers' conversion drops: which tokens are markup, and how digits split.

    The GGUF file marks more tokens as control tokens than the few that have a role, though not
    always those that end a turn. It names the scheme by which text is cut before merging; "smollm"
    cuts off every digit.
    """
    from gguf import GGUFReader

    reader = GGUFReader(gguf)
    fields, ends = reader.fields, _ends(reader)
    names, kinds = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type"))
    backend.add_special_tokens(
        [
            tokenizers.AddedToken(name, special=True, normalized=False)
            for token, (name, kind) in enumerate(zip(names, kinds, strict=True))
            if kind == _CONTROL_TOKEN or token in ends or name in KNOWN_ENDS
        ]
    )
    scheme = fields.get("tokenizer.ggml.pre")
    if scheme is not None and scheme.contents() == "smollm":
        split_digits = tokenizers.pre_tokenizers.Digits(individual_digits=True)
        backend.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
            [split_digits, tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
