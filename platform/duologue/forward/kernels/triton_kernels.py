"""The triton set: kernels for CUDA devices, and for Llama-like models only."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from transformers import PreTrainedModel

from duologue.forward.input_lora import InputLora
from duologue.forward.kernels.kernel_set import Pass
from duologue.forward.llama_like import why_unlike
from duologue.forward.triton.presence import is_interpreted, triton_version
from duologue.kv.memory import KVMemory
from duologue.model.geometry import ModelGeometry

if TYPE_CHECKING:
    from duologue.forward.triton.llama import DeviceLlama

DTYPES = (torch.bfloat16, torch.float16, torch.float32)
MAX_DIM = 256
OLDEST = (8, 0)
"""The compute capability from which on devices multiply bfloat16."""


class TritonKernels:
    """Serves models that `why_not` has nothing against."""

    name = "triton"

    def __init__(self) -> None:
        self._taken: WeakKeyDictionary[PreTrainedModel, DeviceLlama] = WeakKeyDictionary()

    def pack(self, network: PreTrainedModel) -> None:
        from duologue.forward.triton.llama import device_llama

        if network not in self._taken:
            self._taken[network] = device_llama(network, releases=True)

    def make_pass(
        self,
        network: PreTrainedModel,
        memory: KVMemory,
        hidden_layers: Sequence[int],
        lora: InputLora | None,
    ) -> Pass:
        # Only here: the package triton is not to be had everywhere.
        from duologue.forward.triton import compiler
        from duologue.forward.triton.llama import device_llama
        from duologue.forward.triton.recording import GraphRecorder, PlainRecorder
        from duologue.forward.triton.triton_pass import TritonPass

        compiler.provide()
        llama = self._taken.get(network)
        if llama is None:
            llama = self._taken[network] = device_llama(network)
        fitted = lora.fitted_to(network.base_model) if lora is not None else None
        is_cuda = llama.device.type == "cuda"
        recorder = GraphRecorder(llama.device) if is_cuda else PlainRecorder()
        return TritonPass(llama, memory.pool, hidden_layers, fitted, recorder)


def why_not(network: PreTrainedModel) -> str:
    """Why the kernels cannot run this model, in words; empty if they can."""
    device = network.device
    if device.type != "cuda" and not (device.type == "cpu" and is_interpreted()):
        return f"the model is on {device}, and triton is for CUDA devices"
    if triton_version() is None:
        return "the package triton is not installed (duologue[cuda])"
    if device.type == "cuda":
        from duologue.forward.triton.compiler import why_no_compiler

        missing = why_no_compiler()
        if missing:
            return missing
        capability = torch.cuda.get_device_capability(device)
        if capability < OLDEST:
            return (
                f"the device's compute capability is {capability[0]}.{capability[1]},"
                f" older than {OLDEST[0]}.{OLDEST[1]}"
            )
    if network.dtype not in DTYPES:
        return f"weights are {str(network.dtype).removeprefix('torch.')}"
    unlike = why_unlike(network)
    if unlike:
        return unlike
    dim = ModelGeometry.from_config(network.config).head_dim
    if dim % 2 or dim > MAX_DIM:
        return f"heads have {dim} dimensions, not an even number up to {MAX_DIM}"
    return ""
