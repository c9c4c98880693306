"""Kernels in C for tests, which are skipped where there is no compiler or no such processor."""

from functools import cache

import pytest

from duologue.forward.kernels.native_kernels import NativeKernels
from duologue.forward.native.library import NotLoaded, load_library
from duologue.forward.native.variants import Variant


@cache
def native_kernels(variant: Variant | None = None) -> NativeKernels:
    """The native set, of the best variant or of this one."""
    return NativeKernels(load_library(variant))


def _why_not() -> str:
    try:
        native_kernels()
    except NotLoaded as error:
        return str(error)
    return ""


needs_native = pytest.mark.skipif(bool(_why_not()), reason=f"no native kernels: {_why_not()}")
