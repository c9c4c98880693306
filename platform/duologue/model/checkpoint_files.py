"""The files of a model's folder: whether those that loading needs are there, and are themselves."""

import json
from collections.abc import Iterator
from pathlib import Path

from duologue.errors import ModelUnavailable

_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_POINTER = b"version https://git-lfs.github.com/spec/"
_SMALL_FILES = ("*.json", "*.jinja", "*.model")


def require_files(folder: Path) -> None:
    """Raise ModelUnavailable, naming the file, if weights are missing or only pointed to.

    A checkout without git-LFS has a few lines of text in the place of every large file. Files that
    loading does not read, such as the same weights as a pickle, may be anything.
    """
    named = [path for pattern in _SMALL_FILES for path in sorted(folder.glob(pattern))]
    for path in named:
        require_no_pointer(path)
    for path in _weights(folder):
        if not path.is_file():
            raise ModelUnavailable(f"{folder} lacks {path.name}, which {_INDEX} names")
        require_no_pointer(path)


def require_no_pointer(path: Path) -> None:
    """Raise ModelUnavailable if the file is git-LFS's pointer to what should be there."""
    try:
        with path.open("rb") as file:
            is_pointer = file.read(len(_POINTER)) == _POINTER
    except OSError as error:
        raise ModelUnavailable(f"cannot read {path}: {error.strerror or error}") from error
    if is_pointer:
        raise ModelUnavailable(
            f"{path} is a git-LFS pointer and not the file itself: run 'git lfs pull' in its folder"
        )


def _weights(folder: Path) -> Iterator[Path]:
    """The files with weights, as the index names them; whether there are any is left to loading."""
    if (folder / _WEIGHTS).is_file():
        yield folder / _WEIGHTS
        return
    index = folder / _INDEX
    if not index.is_file():
        return
    try:
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        yield from sorted({folder / str(name) for name in names})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelUnavailable(f"{index} does not say where weights are: {error!r}") from error
