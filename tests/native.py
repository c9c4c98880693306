"""Kernels in C for tests, which are skipped where there is no compiler or no such processor."""

from functools import cache

import pytest
from torch import nn
from transformers import PreTrainedModel

from duologue.forward.kernels.native_kernels import NativeKernels
from duologue.forward.native.int8 import rounded
from duologue.forward.native.library import NotLoaded, load_library
from duologue.forward.native.variants import LibraryVariant


@cache
def native_kernels(
    variant: LibraryVariant | None = None, *, is_int8: bool = False
) -> NativeKernels:
    """The native set, of the best variant or of this one."""
    return NativeKernels(load_library(variant), is_int8=is_int8)


def round_weights(network: PreTrainedModel) -> None:
    """Give a network the weights that 8-bit numbers stand for, to compare kernels with."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.data = rounded(layer.weight.data).values().to(layer.weight.dtype)
    network.tie_weights()  # an embedding that is the head's weights is rounded with them


def _why_not() -> str:
    try:
        native_kernels()
    except NotLoaded as error:
        return str(error)
    return ""


needs_native = pytest.mark.skipif(bool(_why_not()), reason=f"no native kernels: {_why_not()}")
