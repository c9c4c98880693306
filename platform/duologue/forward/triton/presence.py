"""Whether the package triton is here; needs neither it nor torch."""

import os
from importlib.metadata import PackageNotFoundError, version


def triton_version() -> str | None:
    """The version that is installed."""
    try:
        return version("triton")
    except PackageNotFoundError:
        return None


def is_interpreted() -> bool:
    """Whether kernels are played by Triton's interpreter, on tensors of the processor."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def state() -> str:
    """What there is to say about the kernels before a model is loaded."""
    found = triton_version()
    if found is None:
        return "the package triton is not installed (duologue[cuda])"
    return f"Triton {found}, taken for Llama-like models on CUDA devices"
