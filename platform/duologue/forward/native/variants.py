"""Variants of the library: the instructions that it may use, and which of them this machine has."""

import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LibraryVariant:
    """One way of compiling the sources."""

    name: str
    needs: frozenset[str]
    """Flags by which Linux reports that a processor has the instructions."""
    flags: tuple[str, ...]
    """What the compiler is told."""


_AVX2 = ("-mavx2", "-mfma", "-mf16c", "-mbmi2")
_AVX512 = (*_AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq")
_NEEDS_AVX512 = frozenset({"avx512f", "avx512bw", "avx512vl", "avx512dq", "fma", "bmi2"})

VARIANTS = (
    LibraryVariant(
        "avx512bf16",
        _NEEDS_AVX512 | {"avx512_bf16", "avx512vbmi"},
        (*_AVX512, "-mavx512bf16", "-mavx512vbmi"),
    ),
    LibraryVariant("avx512", _NEEDS_AVX512, _AVX512),
    LibraryVariant("avx2", frozenset({"avx2", "fma", "f16c", "bmi2"}), _AVX2),
)
"""The best first."""


def best_variant() -> LibraryVariant | None:
    """The best that this machine's processor can run, None if it can run none of them."""
    return next(iter(runnable_variants()), None)


def runnable_variants() -> list[LibraryVariant]:
    """All that this machine's processor can run."""
    flags = processor_flags()
    return [variant for variant in VARIANTS if variant.needs <= flags]


def processor_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """What Linux says that the processor has; empty where nobody says it, and on other kinds."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    lines = (line.partition(":") for line in text.splitlines())
    found = next((value for key, _, value in lines if key.strip() == "flags"), "")
    return frozenset(found.split())
