"""Which kernel set serves a model, and why."""

from dataclasses import dataclass
from functools import cache

import torch
from transformers import PreTrainedModel

from duologue.errors import ModelUnavailable
from duologue.forward.kernels.kernel_set import KernelSet
from duologue.forward.kernels.native_kernels import NativeKernels
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.forward.native.library import NotLoaded, load_library
from duologue.forward.native.llama import why_not


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """A kernel set and the reason for it."""

    kernels: KernelSet
    reason: str


def choose_kernels(wanted: str, network: PreTrainedModel) -> KernelChoice:
    """The set of that name; "auto" takes native for Llama-like models in bfloat16 on a CPU.

    Raises ModelUnavailable if a set is wanted by name that cannot serve this model here.
    """
    if wanted == "torch":
        return KernelChoice(TORCH, "model.kernels asks for it")
    reason = why_not(network)
    if wanted == "auto" and not reason and network.dtype is not torch.bfloat16:
        reason = f"native is for bfloat16, the model is in {str(network.dtype)[6:]}"
    if not reason:
        try:
            native = _native()
        except NotLoaded as error:
            reason = str(error)
        else:
            kind = native.library.variant.name
            chosen = "model.kernels asks for it" if wanted == "native" else "Llama-like, bfloat16"
            return KernelChoice(native, f"{chosen}; built for {kind}")
    if wanted == "native":
        raise ModelUnavailable(
            f"model.kernels is 'native', which cannot serve this model: {reason}"
        )
    return KernelChoice(TORCH, reason)


@cache
def _native() -> NativeKernels:
    """One for all models of a process, so that none is packed twice."""
    return NativeKernels(load_library())
