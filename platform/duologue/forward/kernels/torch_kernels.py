"""The reference set: transformers' own code for the model, torch's operations, any device."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from duologue.forward.input_lora import InputLora
from duologue.forward.kernels.kernel_set import Pass
from duologue.forward.packed import pack_linears
from duologue.forward.transformers_pass import TransformersPass
from duologue.kv.memory import KVMemory


class TorchKernels:
    """Serves every model that runs at all."""

    name = "torch"

    def pack(self, network: PreTrainedModel) -> None:
        pack_linears(network)

    def make_pass(
        self,
        network: PreTrainedModel,
        memory: KVMemory,
        hidden_layers: Sequence[int],
        lora: InputLora | None,
    ) -> Pass:
        return TransformersPass(network, memory.pool, hidden_layers, lora)


TORCH = TorchKernels()
