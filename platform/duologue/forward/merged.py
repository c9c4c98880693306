"""One pass of the model over the rows of many sessions."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from duologue.forward.input_lora import InputLora
from duologue.forward.kernels.kernel_set import KernelSet, PreparedPass
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.forward.rows import ForwardOutput, Stretch
from duologue.forward.running import Running
from duologue.forward.sampling_rows import SamplingColumns, TokenRequests
from duologue.forward.state_head import StateHead
from duologue.kv.memory import KVMemory
from duologue.model.geometry import ModelGeometry


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
        self._vocab_size = ModelGeometry.from_config(network.config).vocab_size
        self._pass = kernels.make_pass(network, memory, hidden_layers, lora)

    def prepare(self, max_rows: int) -> None:
        """Get ready for forwards of up to so many rows, where the kernel set can."""
        if isinstance(self._pass, PreparedPass):
            self._pass.prepare(max_rows)

    @torch.inference_mode()
    def run(self, stretches: Sequence[Stretch], beside: Any = None) -> ForwardOutput:
        """Fill the cells of all rows and read the last row of each stretch that asks for it.

        `beside` are numbers (int32, of the host) that go to the device in the same piece.
        """
        assert stretches, "a forward without rows"
        return self._pass.run(stretches, beside)

    @torch.inference_mode()
    def start(
        self, stretches: Sequence[Stretch], requests: TokenRequests, head: StateHead | None
    ) -> Running:
        """Begin a forward whose rows are answered where it runs: tokens, and states by the head.

        `requests` has one of each for every stretch that reads logits, in their order.
        """
        columns = SamplingColumns(requests, self._vocab_size)
        return Running(self.run(stretches, columns.packed), columns, head)
