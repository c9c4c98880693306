"""Building the library from its C sources: once per machine, in seconds, kept in the cache folder.

    python -m duologue.forward.native.build

The compiler is the system's, or the one that the PyPI package `ziglang` brings. What is built has
the digest of sources and commands in its name, and appears by one rename under a lock, so whoever
finds it can use it.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock

from duologue.forward.native.variants import Variant, best_variant
from duologue.model.cache import cache_folder

SOURCES = Path(__file__).parent
FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared", "-pthread", "-ffp-contract=fast")
NO_COMPILER = "no C compiler here: neither cc nor the package ziglang"
NO_INSTRUCTIONS = "the processor lacks the instructions that they use, which are AVX2 at least"
_MAX_WAIT_S = 300.0
_TOLD_OF_AN_ERROR = 400
"""Characters of a compiler's complaint that are passed on."""


class BuildFailed(Exception):
    """There is no compiler, or none that can compile the sources; the text says why."""


def built_library(variant: Variant) -> Path:
    """The library for this variant, compiled if need be.

    Raises BuildFailed.
    """
    failures = []
    for name, command in compilers():
        target = _target(command, variant)
        try:
            if not target.exists():
                _build(command, variant, target)
            return target
        except (OSError, subprocess.SubprocessError) as error:
            failures.append(f"{name}: {_said(error)}")
    raise BuildFailed("; ".join(failures) or NO_COMPILER)


def compilers() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and command of each compiler that is here, in the order in which they are tried."""
    chosen = os.environ.get("CC", "cc").split()
    if chosen and shutil.which(chosen[0]):
        yield chosen[0], tuple(chosen)
    if importlib.util.find_spec("ziglang") is not None:
        yield "ziglang", (sys.executable, "-m", "ziglang", "cc")


def compile_sources(
    command: Sequence[str], variant: Variant, target: Path, more: Sequence[str] = ()
) -> None:
    """Compile all sources into one library.

    Raises OSError or SubprocessError.
    """
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    subprocess.run(
        [*command, *FLAGS, *variant.flags, *more, *sources, "-lm", "-o", str(target)],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_MAX_WAIT_S,
    )


def _build(command: Sequence[str], variant: Variant, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_suffix(".lock"), timeout=_MAX_WAIT_S):
        if target.exists():
            return
        partial = target.with_suffix(".partial")
        compile_sources(command, variant, partial)
        partial.replace(target)


def state() -> str:
    """In words, without building: whether there is a library for this machine, or will be."""
    variant = best_variant()
    if variant is None:
        return NO_INSTRUCTIONS
    commands = list(compilers())
    if any(_target(command, variant).exists() for _, command in commands):
        return f"built for {variant.name}"
    if not commands:
        return NO_COMPILER
    return f"built for {variant.name} by {commands[0][0]} when they are first used"


def _target(command: Sequence[str], variant: Variant) -> Path:
    return cache_folder() / "native" / f"{variant.name}-{_digest(command, variant)}.so"


def _digest(command: Sequence[str], variant: Variant) -> str:
    """Of everything that decides what comes out."""
    digest = hashlib.sha256(repr((tuple(command), FLAGS, variant.flags)).encode())
    for path in sorted(SOURCES.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _said(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return (error.stderr or "").strip()[:_TOLD_OF_AN_ERROR] or f"exit status {error.returncode}"
    return str(error)


def main() -> None:
    """Build the best variant for this machine, and say where it is or why there is none."""
    variant = best_variant()
    try:
        if variant is None:
            raise BuildFailed(NO_INSTRUCTIONS)
        print(f"native kernels: {built_library(variant)}")
    except BuildFailed as error:
        print(f"native kernels: none, models run with torch's ({error})")


if __name__ == "__main__":
    main()
