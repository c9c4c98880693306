"""Which kernel set serves a model, and why."""

from dataclasses import dataclass
from functools import cache

import torch
from transformers import PreTrainedModel

from duologue.errors import ModelUnavailable
from duologue.forward.kernels import triton_kernels
from duologue.forward.kernels.kernel_set import KernelSet
from duologue.forward.kernels.native_kernels import NativeKernels
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.forward.kernels.triton_kernels import TritonKernels
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
    """The set of that name; "auto" takes the fast one for the model's device.

    That is triton on CUDA, and native for bfloat16 on a CPU, both for Llama-like models. `weights`
    are "plain" or "int8", which the native set alone can do.

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
    name = wanted
    if wanted == "auto":
        name = "triton" if network.device.type == "cuda" else "native"
    if name == "triton":
        found = _triton_choice(network)
    else:
        found = _native_choice(network, is_auto=wanted == "auto", is_int8=is_int8)
    if isinstance(found, str):
        if wanted != "auto":
            raise ModelUnavailable(
                f"model.kernels is '{wanted}', which cannot serve this model: {found}"
            )
        return KernelChoice(TORCH, found)
    kind = str(network.dtype).removeprefix("torch.")
    chosen = f"Llama-like, {kind}" if wanted == "auto" else "model.kernels asks for it"
    return KernelChoice(found.kernels, f"{chosen}; {found.reason}", found.is_int8)


def _triton_choice(network: PreTrainedModel) -> KernelChoice | str:
    """The set and what it is for, or why it cannot serve."""
    reason = triton_kernels.why_not(network)
    if reason:
        return reason
    if network.device.type != "cuda":
        return KernelChoice(_triton(), "played by Triton's interpreter, for tests")
    return KernelChoice(_triton(), f"for {torch.cuda.get_device_name(network.device)}")


def _native_choice(network: PreTrainedModel, *, is_auto: bool, is_int8: bool) -> KernelChoice | str:
    """The set and what it is for, or why it cannot serve."""
    reason = why_not(network)
    if is_auto and not reason and network.dtype is not torch.bfloat16:
        reason = f"native is for bfloat16, the model is in {str(network.dtype)[6:]}"
    if reason:
        return reason
    try:
        native = _native(is_int8)
    except NotLoaded as error:
        return str(error)
    return KernelChoice(native, f"built for {native.library.variant.name}", is_int8)


@cache
def _native(is_int8: bool) -> NativeKernels:
    """One for all models of a process, so that none is packed twice."""
    return NativeKernels(load_library(), is_int8=is_int8)


@cache
def _triton() -> TritonKernels:
    return TritonKernels()
