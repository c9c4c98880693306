"""Who takes part: the contenders by name, made when they are asked for."""

import importlib.util
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from gguf import GGMLQuantizationType

from benchmarks.contenders.bare import Bare
from benchmarks.contenders.contender import Contender
from benchmarks.contenders.continuous import ContinuousBatching
from benchmarks.contenders.llama import Llama, has_llama
from benchmarks.contenders.llama_gguf import converted_gguf
from benchmarks.contenders.merged import Merged
from benchmarks.contenders.static_generate import StaticGenerate
from duologue.model.bundled import bundled_gguf
from duologue.model.cache import cache_folder
from duologue.model.loading import LoadedModel, load_model
from duologue.runtime.adapters import load_head

OURS = "native"
CONTENDERS = (
    "native",
    "int8",
    "torch",
    "adapted",
    "bare",
    "generate",
    "continuous",
    "llama",
    "llama-q8",
)
"""In the order in which they are shown. "int8" is ours with 8-bit weights, "adapted" with the
shipped adapter's updates, "llama-q8" llama.cpp with its own 8-bit format."""


def lineup(names: Iterable[str], threads: int, llama_python: Path | None) -> list[Contender]:
    """The contenders of these names, the ones with input rows included; ours is the first.

    llama.cpp is left out where llama-cpp-python is not installed.
    """
    chosen = set(names) | {OURS}
    unknown = chosen - set(CONTENDERS)
    if unknown:
        raise SystemExit(f"no contender is called {', '.join(sorted(unknown))}")
    ours = cache(lambda: _load("native"))
    plain = cache(lambda: load_model("bundled", device="cpu", dtype="bfloat16", attention="sdpa"))
    bfloat16, q8 = GGMLQuantizationType.BF16, GGMLQuantizationType.Q8_0
    makers: dict[str, Callable[[], list[Contender]]] = {
        "native": lambda: _with_and_without_listening(ours()),
        "int8": lambda: _with_and_without_listening(_load("native", "int8")),
        "torch": lambda: _with_and_without_listening(_load("torch")),
        "adapted": lambda: [Merged(ours(), listens=True, head=load_head(None, ours()))],
        "bare": lambda: [Bare(plain(), listens=False), Bare(plain(), listens=True)],
        "generate": lambda: [StaticGenerate(plain())],
        "continuous": lambda: [ContinuousBatching(plain())],
        "llama": lambda: _llamas("llama.cpp", bfloat16, threads, llama_python),
        "llama-q8": lambda: _llamas("llama.cpp Q8_0", q8, threads, llama_python),
    }
    return [contender for name in CONTENDERS if name in chosen for contender in makers[name]()]


def _load(kernels: str, weights: str = "plain") -> LoadedModel:
    return load_model("bundled", device="cpu", dtype="bfloat16", kernels=kernels, weights=weights)


def _with_and_without_listening(model: LoadedModel) -> list[Contender]:
    return [Merged(model, listens=False), Merged(model, listens=True)]


def _llamas(
    name: str, form: GGMLQuantizationType, threads: int, llama_python: Path | None
) -> list[Contender]:
    """With flash attention, which llama.cpp chooses itself, and without."""
    if llama_python is None and importlib.util.find_spec("llama_cpp") is None:
        return []
    python = llama_python or Path(sys.executable)
    if not has_llama(python):
        raise SystemExit(f"{python} cannot import llama_cpp")
    gguf = converted_gguf(bundled_gguf(), cache_folder() / "benchmarks", form)
    return [
        Llama(python, gguf, threads, name=name, flash_attention=flash) for flash in (True, False)
    ]
