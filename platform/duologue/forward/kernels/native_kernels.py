"""The native set: C for processors, and for Llama-like models only."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from transformers import PreTrainedModel

from duologue.forward.input_lora import InputLora
from duologue.forward.kernels.kernel_set import Pass
from duologue.forward.native.library import Library
from duologue.forward.native.llama import PackedLlama, pack_llama
from duologue.forward.native.native_pass import NativePass
from duologue.kv.memory import KVMemory


class NativeKernels:
    """Serves models that `duologue.forward.native.llama.why_not` has nothing against.

    With `is_int8`, a model's weights are rounded to 8-bit numbers.
    """

    name = "native"

    def __init__(self, library: Library, *, is_int8: bool = False) -> None:
        self.library = library
        self.is_int8 = is_int8
        self._packed: WeakKeyDictionary[PreTrainedModel, PackedLlama] = WeakKeyDictionary()

    def pack(self, network: PreTrainedModel) -> None:
        if network not in self._packed:
            self._packed[network] = self._pack(network, releases=True)

    def make_pass(
        self,
        network: PreTrainedModel,
        memory: KVMemory,
        hidden_layers: Sequence[int],
        lora: InputLora | None,
    ) -> Pass:
        packed = self._packed.get(network)
        if packed is None:
            packed = self._packed[network] = self._pack(network, releases=False)
        fitted = lora.fitted_to(network.base_model) if lora is not None else None
        return NativePass(self.library, packed, memory.pool, hidden_layers, fitted)

    def _pack(self, network: PreTrainedModel, *, releases: bool) -> PackedLlama:
        return pack_llama(network, releases=releases, is_int8=self.is_int8)
