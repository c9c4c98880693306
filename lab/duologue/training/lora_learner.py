"""A state head that learns together with low-rank updates of the layers below it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from duologue.forward.input_lora import InputLora, LowRank
from duologue.forward.state_head import StateHead
from duologue.training.features import FINAL_LAYER, reading_rows
from duologue.training.head_fit import Dense
from duologue.training.lora_batches import LessonBatch
from duologue.training.lora_reading import decoder_layer, only_layers
from duologue.training.lora_settings import LoraSettings


class Update(nn.Module):
    """What is added to the output of one linear layer; nothing at first."""

    def __init__(
        self, linear: nn.Linear, settings: LoraSettings, generator: torch.Generator
    ) -> None:
        super().__init__()
        spread = linear.in_features**-0.5
        down = torch.randn(settings.rank, linear.in_features, generator=generator) * spread
        self.down = nn.Parameter(down)
        self.up = nn.Parameter(torch.zeros(linear.out_features, settings.rank))
        self._scale = settings.scale
        self._dropout = nn.Dropout(settings.dropout)

    def forward(self, states: Tensor) -> Tensor:
        """[batch, rows, in_features] -> [batch, rows, out_features]"""
        low = functional.linear(states, self.down.to(states.dtype))
        # Between the two, where rows are narrow: drawing masks for the states took a third of
        # the time of learning.
        return functional.linear(self._dropout(low), (self.up * self._scale).to(states.dtype))

    @torch.no_grad()
    def low_rank(self) -> LowRank:
        """As the engine applies it, without the dropout and with the scale folded in."""
        return LowRank(self.down.detach().clone(), self.up.detach() * self._scale)

    @torch.no_grad()
    def take(self, update: LowRank) -> None:
        """Take the numbers of another one of the same shape."""
        self.down.copy_(update.down)
        self.up.copy_(update.up / self._scale)


class Learner(nn.Module):
    """Updates and a head of one or two layers, for a frozen network that is not a part of it.

    `mean` and `spread` standardise what the head reads; they are set once, before learning.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self,
        network: PreTrainedModel,
        adapted: range,
        layers: Sequence[int],
        num_labels: int,
        settings: LoraSettings,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self._frozen = (network,)  # in a tuple, so that it is no module of this one
        self._adapted, self._layers = adapted, tuple(layers)
        self.updates = nn.ModuleDict(
            {
                # A module's name must have no dots.
                f"layers/{index}/{name}".replace(".", "/"): Update(module, settings, generator)
                for index in adapted
                for name, module in decoder_layer(network, index).named_modules()
                if isinstance(module, nn.Linear)
            }
        )
        width = int(network.config.get_text_config().hidden_size) * len(layers)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))
        widths = [width, *([settings.head_width] if settings.head_width else []), num_labels]
        self.head = nn.ModuleList(
            [_drawn_linear(low, high, generator) for low, high in pairwise(widths)]
        )
        self._dropout = nn.Dropout(settings.dropout)

    @classmethod
    def of(
        cls, head: StateHead, network: PreTrainedModel, adapted: range, settings: LoraSettings
    ) -> Self:
        """A head with updates, of the shape that the settings have, as it runs over lessons."""
        generator = torch.Generator().manual_seed(settings.seed)
        layers, num_labels = head.card.layers, len(head.card.labels)
        learner = cls(network, adapted, layers, num_labels, settings, generator)
        learner.take(head)
        return learner.eval()

    def forward(self, batch: LessonBatch) -> Tensor:
        """The head's scores of every lesson, float32 `[lessons, labels]`."""
        return self.judged(self.features(batch))

    def judged(self, features: Tensor) -> Tensor:
        """The head's scores of features, float32 `[rows, labels]`."""
        rows = (features - self.mean) / self.spread
        for index, (weight, bias) in enumerate(self._dense()):
            rows = self._dropout(functional.gelu(rows) if index else rows)
            rows = functional.linear(rows, weight, bias)
        return rows

    def _dense(self) -> Dense:
        return [(linear.weight, linear.bias) for linear in cast(list[nn.Linear], self.head)]

    def features(self, batch: LessonBatch) -> Tensor:
        """What the head reads of every lesson, float32 `[lessons, layers * hidden_size]`.

        To be called within `attending_to_past`.
        """
        (network,) = self._frozen
        body: Any = network.base_model
        feed = decoder_layer(network, self._adapted.start).register_forward_pre_hook(
            lambda _, inputs: (batch.states, *inputs[1:])
        )
        try:
            with (
                only_layers(network, self._adapted),
                self._adapting(),
                reading_rows(network, self._layers, batch.places) as rows,
            ):
                output = body(
                    inputs_embeds=batch.states,
                    position_ids=batch.past.positions(batch.states.shape[1]),
                    use_cache=False,
                    duologue_past=batch.past,
                )
        finally:
            feed.remove()
        rows[FINAL_LAYER] = output.last_hidden_state[batch.places]
        return torch.cat([rows[layer] for layer in self._layers], dim=-1).float()

    @contextmanager
    def _adapting(self) -> Iterator[None]:
        (network,) = self._frozen
        hooks = [
            network.base_model.get_submodule(_layer_name(name)).register_forward_hook(_adds(update))
            for name, update in self.updates.items()
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @torch.no_grad()
    def take(self, head: StateHead) -> None:
        """Take the numbers of a head of the same shape; `mean` and `spread` stay."""
        assert head.lora is not None, "a head without updates"
        own: dict[str, Any] = dict(self.updates.items())
        for name, update in own.items():
            update.take(head.lora.updates[_layer_name(name)])
        for linear, (weight, bias) in zip(self.head, head.dense, strict=True):
            cast(nn.Linear, linear).weight.copy_(weight)
            cast(nn.Linear, linear).bias.copy_(bias)
        first, (weight, bias) = cast(nn.Linear, self.head[0]), head.dense[0]
        first.weight.copy_(weight * self.spread)
        first.bias.copy_(bias + weight @ self.mean)

    @torch.no_grad()
    def meet(self, head: StateHead) -> None:
        """Go half the way to a head of the same shape: the mean of every number.

        Between two of which the one learned on from the other, the mean keeps most of what either
        knows better (Wortsman et al., Robust fine-tuning of zero-shot models, arXiv 2109.01903).
        """
        own = {name: numbers.clone() for name, numbers in self.state_dict().items()}
        self.take(head)
        for name, numbers in self.state_dict().items():
            numbers.lerp_(own[name], 0.5)

    @torch.no_grad()
    def dense(self) -> Dense:
        """The head as it applies to features that are not standardised."""
        (weight, bias), *rest = ((weight.detach(), bias.detach()) for weight, bias in self._dense())
        scaled = weight / self.spread
        return [(scaled, bias - scaled @ self.mean), *rest]

    def lora(self) -> InputLora:
        """The updates as an adapter holds them."""
        found: dict[str, Any] = dict(self.updates.items())
        return InputLora({_layer_name(name): found[name].low_rank() for name in found})


def _drawn_linear(width_in: int, width_out: int, generator: torch.Generator) -> nn.Linear:
    linear = nn.Linear(width_in, width_out)
    with torch.no_grad():
        weight = torch.randn(width_out, width_in, generator=generator) * width_in**-0.5
        linear.weight.copy_(weight)
        linear.bias.zero_()
    return linear


def _layer_name(name: str) -> str:
    return name.replace("/", ".")


def _adds(update: nn.Module) -> Any:
    def add(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        added: Tensor = update(inputs[0])
        return output + added

    return add
