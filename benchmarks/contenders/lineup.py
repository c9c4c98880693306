"""Who takes part: the contenders by name, made when they are asked for."""

import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.contenders.bare import Bare
from benchmarks.contenders.contender import Contender
from benchmarks.contenders.continuous import ContinuousBatching
from benchmarks.contenders.llama import Llama, has_llama
from benchmarks.contenders.llama_gguf import bfloat16_gguf
from benchmarks.contenders.merged import Merged
from benchmarks.contenders.static_generate import StaticGenerate
from duologue.model.bundled import bundled_gguf
from duologue.model.cache import cache_folder
from duologue.model.loading import LoadedModel, load_model
from duologue.runtime.adapters import load_head

OURS = "native"
CONTENDERS = ("native", "torch", "adapted", "bare", "generate", "continuous", "llama")
"""In the order in which they are shown. "adapted" is ours with the shipped adapter's updates."""


def lineup(names: Iterable[str], threads: int, llama_python: Path | None) -> list[Contender]:
    """The contenders of these names, the ones with input rows included; ours is the first.

    llama.cpp is left out where llama-cpp-python is not installed.
    """
    chosen = set(names) | {OURS}
    ours = _load("native")
    plain = load_model("bundled", device="cpu", dtype="bfloat16", attention="sdpa")
    makers: dict[str, Callable[[], list[Contender]]] = {
        "native": lambda: _with_and_without_listening(ours),
        "torch": lambda: _with_and_without_listening(_load("torch")),
        "adapted": lambda: [Merged(ours, listens=True, head=load_head(None, ours))],
        "bare": lambda: [Bare(plain, listens=False), Bare(plain, listens=True)],
        "generate": lambda: [StaticGenerate(plain)],
        "continuous": lambda: [ContinuousBatching(plain)],
        "llama": lambda: _llamas(threads, llama_python),
    }
    return [contender for name in CONTENDERS if name in chosen for contender in makers[name]()]


def _load(kernels: str) -> LoadedModel:
    return load_model("bundled", device="cpu", dtype="bfloat16", kernels=kernels)


def _with_and_without_listening(model: LoadedModel) -> list[Contender]:
    return [Merged(model, listens=False), Merged(model, listens=True)]


def _llamas(threads: int, llama_python: Path | None) -> list[Contender]:
    """With flash attention, which llama.cpp chooses itself, and without."""
    if llama_python is None and importlib.util.find_spec("llama_cpp") is None:
        return []
    python = llama_python or Path(sys.executable)
    if not has_llama(python):
        raise SystemExit(f"{python} cannot import llama_cpp")
    gguf = bfloat16_gguf(bundled_gguf(), cache_folder() / "benchmarks")
    return [Llama(python, gguf, threads, flash_attention=flash) for flash in (True, False)]
