"""One pass of the model over the rows of many sessions."""

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from duologue.forward.input_lora import InputLora
from duologue.forward.kernels.kernel_set import KernelSet
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.forward.rows import ForwardOutput, Stretch
from duologue.kv.memory import KVMemory


class MergedForward:
    """Runs a model on one ragged batch of rows, keys and values in a memory's cells, by a kernel
    set.

    `hidden_layers` names the hidden states to read: -1 is what the language-model head sees, i >= 0
    the output of decoder layer i. `lora` adapts the rows of input channels, and none but them;
    raises ModelUnavailable if it does not fit the network.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        memory: KVMemory,
        hidden_layers: Sequence[int] = (-1,),
        lora: InputLora | None = None,
        kernels: KernelSet = TORCH,
    ) -> None:
        self.hidden_layers = tuple(hidden_layers)
        self._pass = kernels.make_pass(network, memory, hidden_layers, lora)

    @torch.inference_mode()
    def run(self, stretches: Sequence[Stretch]) -> ForwardOutput:
        """Fill the cells of all rows and read the last row of each stretch that asks for it."""
        assert stretches, "a forward without rows"
        return self._pass.run(stretches)
