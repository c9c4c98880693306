"""A forward by the model's own code in transformers, which attends to our cells."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from duologue.forward.adapted_layers import AdaptedLayers, InputRows
from duologue.forward.input_lora import InputLora
from duologue.forward.plan import AttentionPlan
from duologue.forward.rows import ForwardOutput, Stretch, sent
from duologue.kv.blocks import BlockPool
from duologue.model.geometry import ModelGeometry


class TransformersPass:
    """Runs a transformers model on one ragged batch `[1, rows]`, keys and values in our cells.

    `hidden_layers` names the hidden states to read: -1 is what the language-model head sees, i >= 0
    the output of decoder layer i. `lora` adapts the rows of input channels, and none but them;
    raises ModelUnavailable if it does not fit the network.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        pool: BlockPool,
        hidden_layers: Sequence[int] = (-1,),
        lora: InputLora | None = None,
    ) -> None:
        self.network = network
        self._pool = pool
        self.hidden_layers = tuple(hidden_layers)
        body = network.base_model
        self._adapted = AdaptedLayers(body, lora.fitted_to(body)) if lora is not None else None
        self._device = network.device
        self._dtype = network.dtype
        self._num_heads = ModelGeometry.from_config(network.config).num_heads

    @torch.inference_mode()
    def run(self, stretches: Sequence[Stretch], beside: Any = None) -> ForwardOutput:
        """Fill the cells of all rows and read the last row of each stretch that asks for it."""
        plan = AttentionPlan(stretches, self._pool, self._num_heads, self._dtype)
        ends = list(zip(stretches, plan.last_rows, strict=True))
        hidden_rows = [row for stretch, row in ends if stretch.reads_hidden]
        with self._adapting(plan.input_rows), self._reading(hidden_rows) as hidden:
            logits = self._logits(plan, [row for stretch, row in ends if stretch.reads_logits])
        states = [hidden[layer] for layer in self.hidden_layers] if hidden_rows else []
        empty = torch.empty(0, 0, device=self._device, dtype=self._dtype)
        hidden_states = torch.cat(states, dim=-1) if states else empty
        return ForwardOutput(logits, hidden_states, sent(beside, self._device))

    def _logits(self, plan: AttentionPlan, rows: Sequence[int]) -> Tensor:
        """Run the network; logits of the named rows, [rows, vocab]."""
        output = self.network(
            input_ids=torch.tensor([plan.tokens], device=self._device),
            position_ids=torch.tensor([plan.positions], device=self._device),
            use_cache=False,
            logits_to_keep=torch.tensor(rows, device=self._device, dtype=torch.long),
            duologue_plan=plan,
        )
        logits: Tensor = output.logits[0]
        return logits

    def _adapting(self, input_rows: Sequence[int]) -> AbstractContextManager[None]:
        if self._adapted is None or not input_rows:
            return nullcontext()
        return self._adapted.applied(InputRows(input_rows, self._device))

    @contextmanager
    def _reading(self, rows: Sequence[int]) -> Iterator[dict[int, Tensor]]:
        """Collect the hidden states `[rows, hidden_size]` of these rows, by layer, in a forward."""
        found: dict[int, Tensor] = {}
        if not rows:
            yield found
            return
        index = torch.tensor(rows, device=self._device)

        def reader(layer: int) -> Any:
            def read(_module: nn.Module, _inputs: Any, output: Any) -> None:
                found[layer] = _states(output)[0, index]

            return read

        hooks = [
            self._module(layer).register_forward_hook(reader(layer)) for layer in self.hidden_layers
        ]
        try:
            yield found
        finally:
            for hook in hooks:
                hook.remove()

    def _module(self, layer: int) -> nn.Module:
        body = self.network.base_model
        if layer < 0:
            return body
        layers = body.layers
        assert isinstance(layers, nn.ModuleList), type(layers)
        return layers[layer]


def _states(output: Any) -> Tensor:
    """Hidden states `[1, rows, hidden_size]` in what a decoder layer or a model body returns."""
    if isinstance(output, Tensor):
        return output
    states: Tensor = output[0]
    return states
