"""Fitting a state head to features: one or two dense layers, early stopping on validation loss."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from duologue.errors import InvalidInput

Dense = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a head is fitted. `hidden_width` 0 means one dense layer (multinomial regression)."""

    hidden_width: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    dropout: float = 0.0
    batch_size: int = 256
    max_epochs: int = 60
    patience: int = 6
    label_smoothing: float = 0.0
    seed: int = 0

    @classmethod
    def of_width(cls, hidden_width: int, seed: int = 0) -> Self:
        """What was measured to work: a wide head wants slow, strongly regularised fitting."""
        if not hidden_width:
            return cls(seed=seed)
        return cls(
            hidden_width=hidden_width,
            learning_rate=5e-4,
            weight_decay=0.1,
            dropout=0.5,
            label_smoothing=0.1,
            seed=seed,
        )

    def __post_init__(self) -> None:
        if self.hidden_width < 0 or self.batch_size < 1 or self.max_epochs < 1:
            raise InvalidInput("hidden_width, batch_size and max_epochs: not negative, at least 1")
        if not 0.0 <= self.dropout < 1.0:
            raise InvalidInput("dropout: at least 0 and below 1")


@dataclass(frozen=True, slots=True)
class FittedHead:
    """Dense layers with the input's standardisation folded in, and how the fit went."""

    dense: Dense
    best_epoch: int
    best_loss: float


Report = Callable[[int, float, float], None]


def fit_head(
    train: tuple[Tensor, Tensor],
    val: tuple[Tensor, Tensor],
    num_labels: int,
    settings: FitSettings,
    report: Report = lambda epoch, train_loss, val_loss: None,
) -> FittedHead:
    """Fit to (features `[rows, width]` float32, labels `[rows]`), watching the validation loss.

    `report` hears the losses after every epoch. The same seed and data give the same head.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    features, labels = train
    mean, scale = features.mean(0), features.std(0).clamp_min(1e-3)
    train_rows, val_rows = (features - mean) / scale, (val[0] - mean) / scale
    network = _network(features.shape[1], num_labels, settings, generator)
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    best_loss, best_epoch = float("inf"), 0
    best: dict[str, Tensor] = {}
    for epoch in range(settings.max_epochs):
        train_loss = _run_epoch(network, optimizer, train_rows, labels, settings, generator)
        val_loss = _loss(network, val_rows, val[1])
        report(epoch, train_loss, val_loss)
        if val_loss < best_loss:
            best_loss, best_epoch = val_loss, epoch
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        elif epoch - best_epoch >= settings.patience:
            break
    network.load_state_dict(best)
    return FittedHead(_folded(network, mean, scale), best_epoch, best_loss)


def cooled(dense: Dense, temperature: float) -> Dense:
    """The same layers, their scores divided by a temperature."""
    weight, bias = dense[-1]
    return [*dense[:-1], (weight / temperature, bias / temperature)]


def _network(
    width: int, num_labels: int, settings: FitSettings, generator: torch.Generator
) -> nn.Sequential:
    sizes = [width, settings.hidden_width, num_labels] if settings.hidden_width else [
        width, num_labels
    ]  # fmt: skip
    modules: list[nn.Module] = []
    for size_in, size_out in pairwise(sizes):
        if modules:
            modules.append(nn.GELU())
        modules += [nn.Dropout(settings.dropout), nn.Linear(size_in, size_out)]
    network = nn.Sequential(*modules)
    for parameter in network.parameters():
        with torch.no_grad():
            spread = (1.0 / width) ** 0.5 if parameter.ndim > 1 else 0.0
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
    return network


def _run_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: Tensor,
    labels: Tensor,
    settings: FitSettings,
    generator: torch.Generator,
) -> float:
    network.train()
    # Dropout draws from the global generator, so it is seeded from ours and put back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        total = 0.0
        order = torch.randperm(len(rows), generator=generator)
        for batch in order.split(settings.batch_size):
            loss = functional.cross_entropy(
                network(rows[batch]), labels[batch], label_smoothing=settings.label_smoothing
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
    return total / len(rows)


@torch.no_grad()
def _loss(network: nn.Module, rows: Tensor, labels: Tensor) -> float:
    network.eval()
    return float(functional.cross_entropy(network(rows), labels))


@torch.no_grad()
def _folded(network: nn.Sequential, mean: Tensor, scale: Tensor) -> Dense:
    """The dense layers as they apply to features that are not standardised."""
    linear = [module for module in network if isinstance(module, nn.Linear)]
    dense = [(layer.weight.detach().clone(), layer.bias.detach().clone()) for layer in linear]
    weight, bias = dense[0]
    dense[0] = (weight / scale, bias - (weight / scale) @ mean)
    return dense
