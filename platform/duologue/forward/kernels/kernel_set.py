"""What every kernel set can do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from duologue.forward.input_lora import InputLora
from duologue.forward.rows import ForwardOutput, Stretch
from duologue.kv.memory import KVMemory

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Pass(Protocol):
    """Runs forwards of one model."""

    def run(self, stretches: Sequence[Stretch], beside: Any = None) -> ForwardOutput:
        """Fill the cells of all rows and read the last row of each stretch that asks for it.

        Need not wait for the device. `beside` are numbers for whoever works on with the output
        there (int32, of the host): they go to the device with the rows.
        """


@runtime_checkable
class PreparedPass(Pass, Protocol):
    """One that is faster once it has seen to its forwards beforehand."""

    def prepare(self, max_rows: int) -> None:
        """Get ready for forwards of up to so many rows."""


class KernelSet(Protocol):
    """One way of computing forwards."""

    @property
    def name(self) -> str:
        """As `model.kernels` calls it."""

    def pack(self, network: "PreTrainedModel") -> None:
        """Lay the network's weights out for these kernels, and give the plain ones up.

        The network is then of no use to anything else. Passes also work without this, and may hold
        the weights twice.
        """

    def make_pass(
        self,
        network: "PreTrainedModel",
        memory: KVMemory,
        hidden_layers: Sequence[int],
        lora: InputLora | None,
    ) -> Pass:
        """Forwards of this network over this memory that read these layers' hidden states.

        See `MergedForward`.
        """
