"""One pass of the model over the rows of many sessions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from duologue.forward.plan import AttentionPlan
from duologue.forward.rows import ForwardOutput, Stretch


class MergedForward:
    """Runs a transformers model on one ragged batch `[1, rows]`, keys and values in our cells.

    `hidden_layers` names the hidden states to read: -1 is what the language-model head sees, i >= 0
    the output of decoder layer i.
    """

    def __init__(self, network: PreTrainedModel, hidden_layers: Sequence[int] = (-1,)) -> None:
        self.network = network
        self.hidden_layers = tuple(hidden_layers)
        self._device = network.device
        self._dtype = network.dtype

    @torch.inference_mode()
    def run(self, stretches: Sequence[Stretch]) -> ForwardOutput:
        """Fill the cells of all rows and read the last row of each stretch that asks for it."""
        assert stretches, "a forward without rows"
        plan = AttentionPlan(stretches, self._dtype)
        tokens = [token for stretch in stretches for token in stretch.tokens]
        positions = [position for stretch in stretches for position in stretch.positions]
        logit_rows, hidden_rows = _last_rows(stretches)
        with self._reading(hidden_rows) as hidden:
            logits = self._network_logits(tokens, positions, logit_rows, plan)
        states = [hidden[layer] for layer in self.hidden_layers] if hidden_rows else []
        empty = torch.empty(0, 0, device=self._device, dtype=self._dtype)
        return ForwardOutput(logits=logits, hidden=torch.cat(states, dim=-1) if states else empty)

    def _network_logits(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        rows: Sequence[int],
        plan: AttentionPlan,
    ) -> Tensor:
        output = self.network(
            input_ids=torch.tensor([tokens], device=self._device),
            position_ids=torch.tensor([positions], device=self._device),
            use_cache=False,
            logits_to_keep=torch.tensor(rows, device=self._device, dtype=torch.long),
            duologue_plan=plan,
        )
        logits: Tensor = output.logits[0]  # [logit rows, vocab]
        return logits

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


def _last_rows(stretches: Sequence[Stretch]) -> tuple[list[int], list[int]]:
    """Indices of the rows whose logits, and of those whose hidden states, are read."""
    logits, hidden, end = [], [], 0
    for stretch in stretches:
        end += len(stretch.tokens)
        if stretch.reads_logits:
            logits.append(end - 1)
        if stretch.reads_hidden:
            hidden.append(end - 1)
    return logits, hidden


def _states(output: Any) -> Tensor:
    """Hidden states `[1, rows, hidden_size]` in what a decoder layer or a model body returns."""
    if isinstance(output, Tensor):
        return output
    states: Tensor = output[0]
    return states
