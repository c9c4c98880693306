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
    is_int8: bool = False
    """Whether it rounds weights to 8-bit numbers."""


def choose_kernels(wanted: str, network: PreTrainedModel, weights: str = "plain") -> KernelChoice:
    """The set of that name; "auto" takes native for Llama-like models in bfloat16 on a CPU.

    `weights` are "plain" or "int8", which the native set alone can do.

    Raises ModelUnavailable if a set is wanted by name that cannot serve this model here, or 8-bit
    weights where the native set does not serve it.
    """
    choice = _choose(wanted, network, is_int8=weights == "int8")
    if weights == "int8" and not choice.is_int8:
        raise ModelUnavailable(
            "model.weights is 'int8', which only the native kernels can do, and they do not serve "
            f"this model: {choice.reason}"
        )
    return choice


def _choose(wanted: str, network: PreTrainedModel, *, is_int8: bool) -> KernelChoice:
    if wanted == "torch":
        return KernelChoice(TORCH, "model.kernels asks for it")
    reason = why_not(network)
    if wanted == "auto" and not reason and network.dtype is not torch.bfloat16:
        reason = f"native is for bfloat16, the model is in {str(network.dtype)[6:]}"
    if not reason:
        try:
            native = _native(is_int8)
        except NotLoaded as error:
            reason = str(error)
        else:
            kind = native.library.variant.name
            chosen = "model.kernels asks for it" if wanted == "native" else "Llama-like, bfloat16"
            return KernelChoice(native, f"{chosen}; built for {kind}", is_int8)
    if wanted == "native":
        raise ModelUnavailable(
            f"model.kernels is 'native', which cannot serve this model: {reason}"
        )
    return KernelChoice(TORCH, reason)


@cache
def _native(is_int8: bool) -> NativeKernels:
    """One for all models of a process, so that none is packed twice."""
    return NativeKernels(load_library(), is_int8=is_int8)
