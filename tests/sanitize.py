"""Kernels in C on random input under the address sanitizer: `make sanitize`, or

    python -m tests.sanitize --seconds 60

Compiles the sources anew, with the sanitizers of memory and of undefined behaviour, for every
variant that this machine can run, and calls them with tensors whose bounds are watched. Ends with
an error, and the sanitizer's report, at the first step beyond them.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from duologue.forward.native.build import compile_sources, compilers
from duologue.forward.native.variants import LibraryVariant, runnable_variants

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")
STAGE = "DUOLOGUE_SANITIZED"
"""Set in the process that runs inside of the sanitizer: the folder of the libraries."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all variants together")
    seconds = parser.parse_args().seconds
    if STAGE in os.environ:
        fuzz(Path(os.environ[STAGE]), seconds)
        return
    command = next((command for name, command in compilers() if name != "ziglang"), None)
    if command is None:
        raise SystemExit("the address sanitizer needs the system's C compiler")
    with tempfile.TemporaryDirectory() as folder:
        for variant in runnable_variants():
            compile_sources(command, variant, Path(folder) / f"{variant.name}.so", SANITIZERS)
        environment = {
            **os.environ,
            STAGE: folder,
            "LD_PRELOAD": _runtime(command, "libasan.so"),
            # The interpreter itself leaves memory behind, and has its own way of asking for it.
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONMALLOC": "malloc",
        }
        arguments = [sys.executable, "-m", "tests.sanitize", "--seconds", str(seconds)]
        raise SystemExit(subprocess.run(arguments, env=environment, check=False).returncode)


def _runtime(command: tuple[str, ...], name: str) -> str:
    asked = [*command, f"-print-file-name={name}"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def fuzz(folder: Path, seconds: float) -> None:
    """Run random forwards and products until the time is over."""
    variants = runnable_variants()
    for variant in variants:
        count = _fuzz_variant(folder, variant, seconds / len(variants))
        print(
            f"{variant.name}: {count} random products, attentions and forwards, nothing found",
            flush=True,
        )


def _fuzz_variant(folder: Path, variant: LibraryVariant, seconds: float) -> int:
    # Not at the top: torch is for the process inside of the sanitizer.
    from duologue.forward.native.library import open_library
    from tests.unit.forward.attention_fuzz import random_attention
    from tests.unit.forward.native_fuzz import random_forward, random_product

    library = open_library(folder / f"{variant.name}.so", variant)
    until = time.monotonic() + seconds
    for number in itertools.count():
        if time.monotonic() > until:
            return number
        random = Random(number)
        random_product(library, random)
        random_attention(library, random)
        random_forward(library, random)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    main()
