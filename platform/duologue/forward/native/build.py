"""Building the library from its C sources: once per machine, in seconds, kept in the cache folder.

    python -m duologue.forward.native.build             the best variant for this machine
    python -m duologue.forward.native.build --beside    all variants, to lie beside the sources

The second is for images and packages that are made for machines without a compiler: what lies
beside the sources is found first. The compiler is the system's, or the one that the PyPI package
`ziglang` brings. A library has the digest of sources and flags in its name, and appears by one
rename under a lock, so whoever finds it can use it.
"""

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock

from duologue.forward.native.variants import VARIANTS, LibraryVariant, best_variant
from duologue.model.cache import cache_folder

SOURCES = Path(__file__).parent
BESIDE = SOURCES / "built"
FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared", "-pthread", "-ffp-contract=fast")
NO_COMPILER = "no C compiler here: neither cc nor the package ziglang"
NO_INSTRUCTIONS = "the processor lacks the instructions that they use, which are AVX2 at least"
_MAX_WAIT_S = 300.0
_TOLD_OF_AN_ERROR = 400
"""Characters of a compiler's complaint that are passed on."""


class BuildFailed(Exception):
    """There is no compiler, or none that can compile the sources; the text says why."""


def built_library(variant: LibraryVariant) -> Path:
    """The library for this variant, compiled if need be.

    Raises BuildFailed.
    """
    found = _found(variant)
    return found if found is not None else build(variant, _kept())


def build(variant: LibraryVariant, folder: Path) -> Path:
    """Compile this variant into a folder, with the first compiler that can.

    Raises BuildFailed.
    """
    target = folder / _name(variant)
    failures = []
    for name, command in compilers():
        try:
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
    command: Sequence[str], variant: LibraryVariant, target: Path, more: Sequence[str] = ()
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


def _build(command: Sequence[str], variant: LibraryVariant, target: Path) -> None:
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
    if _found(variant) is not None:
        return f"built for {variant.name}"
    name = next((name for name, _ in compilers()), None)
    if name is None:
        return NO_COMPILER
    return f"built for {variant.name} by {name} when they are first used"


def _found(variant: LibraryVariant) -> Path | None:
    """A library that is there already."""
    places = [folder / _name(variant) for folder in (BESIDE, _kept())]
    return next((path for path in places if path.exists()), None)


def _kept() -> Path:
    return cache_folder() / "native"


def _name(variant: LibraryVariant) -> str:
    """With a digest of everything that decides what comes out, but for the compiler."""
    digest = hashlib.sha256(repr((FLAGS, variant.flags)).encode())
    for path in sorted(SOURCES.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{variant.name}-{digest.hexdigest()[:16]}.so"


def _said(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return (error.stderr or "").strip()[:_TOLD_OF_AN_ERROR] or f"exit status {error.returncode}"
    return str(error)


def main() -> None:
    """Build, and say where the library is or why there is none."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--beside", action="store_true", help="all variants, to lie beside the sources"
    )
    try:
        if parser.parse_args().beside:
            paths = [build(variant, BESIDE) for variant in VARIANTS]
        else:
            variant = best_variant()
            if variant is None:
                raise BuildFailed(NO_INSTRUCTIONS)
            paths = [built_library(variant)]
    except BuildFailed as error:
        print(f"native kernels: none, models run with torch's ({error})")
        return
    for path in paths:
        print(f"native kernels: {path}")


if __name__ == "__main__":
    main()
