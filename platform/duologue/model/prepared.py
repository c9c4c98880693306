"""Prepared models: GGUF files converted once, kept in the cache folder, shared by all processes.

A prepared model is a folder named after the digest of its GGUF file. It appears by one rename when
it is complete, under a lock, so that whoever finds it can use it, and of several processes that
need it at the same time one does the work. What a killed attempt leaves behind has another name
and is removed by the next one.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from duologue.errors import ModelUnavailable
from duologue.model.cache import cache_folder
from duologue.model.conversion import Progress, convert_gguf, ignore_progress, require_gguf
from duologue.model.gguf_parts import gguf_name, gguf_parts

FORMAT_VERSION = 2
"""Raised whenever the way of converting changes; older prepared models are then made anew."""

_MANIFEST = "duologue.json"
_MAX_WAIT_S = 1800.0


def prepare_gguf(gguf: Path, progress: Progress = ignore_progress) -> Path:
    """The folder of the prepared model for a GGUF file, converting the file if need be.

    Of a model in several files, `gguf` is any of them. Raises ModelUnavailable if a file is missing
    or broken, the disk is full, or another process has been preparing it for half an hour.
    """
    folder = prepared_folder(gguf)
    if is_complete(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(folder.with_name(f"{folder.name}.lock"), progress):
            if not is_complete(folder):
                _convert_into(folder, gguf, progress)
    except Timeout as error:
        raise ModelUnavailable(
            f"another process has been preparing the model for {_MAX_WAIT_S / 60:.0f} minutes;"
            f" stop it, or set DUOLOGUE_CACHE to another folder ({error.lock_file})"
        ) from error
    except OSError as error:
        raise ModelUnavailable(f"cannot prepare the model in {folder.parent}: {error}") from error
    return folder


def prepared_folder(gguf: Path) -> Path:
    """Where the prepared model of that GGUF file is, or will be."""
    digest = hashlib.sha256()
    for part in gguf_parts(gguf):
        require_gguf(part)
        with part.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    name = f"{gguf_name(gguf)}-{digest.hexdigest()[:16]}-v{FORMAT_VERSION}"
    return cache_folder() / "models" / name


def is_complete(folder: Path) -> bool:
    """Whether the folder holds a whole prepared model: every file there, at its full size."""
    try:
        sizes = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["sizes_bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


@contextmanager
def _only_one(lock_file: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock. The system frees it when its holder dies: a killed process blocks nobody."""
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("waiting for another process, which is preparing the model", 0.0)
        lock.acquire(timeout=_MAX_WAIT_S)
    try:
        yield
    finally:
        lock.release()


def _convert_into(folder: Path, gguf: Path, progress: Progress) -> None:
    """Convert beside the final place, then rename; only called with the lock held."""
    partial = folder.with_name(f"{folder.name}.partial")
    for left_over in (partial, folder):
        shutil.rmtree(left_over, ignore_errors=True)
    partial.mkdir()
    try:
        convert_gguf(gguf_parts(gguf), partial, progress)
        _seal(partial, gguf)
        os.replace(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _seal(folder: Path, gguf: Path) -> None:
    """Note every file's size, and have all of it on disk before the rename can be."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    manifest = {
        "made_from": gguf.name,
        "format_version": FORMAT_VERSION,
        "sizes_bytes": {path.name: path.stat().st_size for path in files},
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for path in (*files, folder / _MANIFEST):
        with path.open("rb+") as file:
            os.fsync(file.fileno())
