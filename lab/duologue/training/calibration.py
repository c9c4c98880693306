"""Temperature, thresholds and calibration error, all from validation probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

from duologue.errors import InvalidInput
from duologue.states import State

TEMPERATURES = torch.logspace(-0.7, 0.7, 57)
NUM_BINS = 15

ACTED_ON = (State.QUERY, State.NON_QUERY, State.HOLD)
GRID = torch.arange(0.20, 0.951, 0.01)
COARSE_STEP = 5
MAX_ROUNDS = 20
SURE_STEPS = 1000
WORST_STEP = 0.1
"""Worst multiples that differ by less are alike: a few validation rows make as much."""


def best_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature, on a fixed grid, that makes the labels likeliest."""
    losses = [float(functional.cross_entropy(logits / t, labels)) for t in TEMPERATURES]
    return float(TEMPERATURES[int(torch.tensor(losses).argmin())])


def calibration_error(probabilities: Tensor, labels: Tensor) -> float:
    """Expected calibration error of the likeliest label, in equal bins of confidence."""
    confidence, chosen = probabilities.max(dim=1)
    is_right = (chosen == labels).float()
    bins = (confidence * NUM_BINS).long().clamp(max=NUM_BINS - 1)
    error = 0.0
    for index in range(NUM_BINS):
        inside = bins == index
        if inside.any():
            gap = (confidence[inside].mean() - is_right[inside].mean()).abs()
            error += float(gap) * float(inside.float().mean())
    return error


@dataclass(frozen=True, slots=True)
class TriggerLimits:
    """Shares of errors that the targets allow: what may be missed of each label; `premature`, the
    share of the beginnings of queries, such as cannot pass for whole ones, at which an answer may
    be begun, and of all beginnings that may be dropped for something that needs no answer;
    `shown_early`, the share of turns whose answer may be shown before their end.
    """

    query: float = 0.05
    non_query: float = 0.05
    incomplete: float = 0.05
    hold: float = 0.10
    premature: float = 0.03
    shown_early: float = 0.01

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if not 0.0 < getattr(self, name) < 1.0:
                raise InvalidInput(f"limits.{name}: a share between 0 and 1")


def choose_thresholds(
    probabilities: Tensor,
    labels: Tensor,
    order: Sequence[State],
    limits: TriggerLimits,
    beginnings: Tensor | None = None,
    cannot_be_whole: Tensor | None = None,
) -> Mapping[State, float]:
    """The thresholds with which all targets are as near as possible together.

    Every error share is taken as a multiple of what its target allows, and the worst multiple is
    made as small as it gets; among such as are alike (`WORST_STEP`) the sum decides. So no target
    is bought with another one, and what cannot be met is missed evenly. `beginnings` holds the
    probabilities of the beginnings of queries, word by word; without it the unfinished rows stand
    for them. An answer to one of them counts as begun too early only where `cannot_be_whole` is
    true; without it, everywhere. The same rows give the same thresholds.
    """
    if beginnings is None:
        beginnings = probabilities[labels == order.index(State.INCOMPLETE)]
    if cannot_be_whole is None:
        cannot_be_whole = torch.ones(len(beginnings), dtype=torch.bool)
    trial = _Trial(probabilities, labels, beginnings, cannot_be_whole, tuple(order), limits)
    coarse = GRID[::COARSE_STEP].tolist()
    best = min(product(coarse, repeat=len(ACTED_ON)), key=trial.shortfall)
    for _ in range(MAX_ROUNDS):
        before = best
        for place in range(len(ACTED_ON)):
            around = [(*best[:place], value, *best[place + 1 :]) for value in GRID.tolist()]
            best = min([best, *around], key=trial.shortfall)
        if best == before:
            break
    return {state: round(value, 4) for state, value in zip(ACTED_ON, best, strict=True)}


def sure_above(beginnings: Tensor, turns: Sequence[int], limits: TriggerLimits) -> float | None:
    """The lowest probability of a query that hardly any turn reaches before its end.

    `beginnings` are the probabilities of `query` at unfinished queries, `turns` the turn that each
    is of. At most the share `limits.shown_early` of the turns reaches it. None without beginnings.
    """
    highest: dict[int, float] = {}
    for turn, probability in zip(turns, beginnings.tolist(), strict=True):
        highest[turn] = max(probability, highest.get(turn, 0.0))
    if not highest:
        return None
    falling = sorted(highest.values(), reverse=True)
    barred = falling[int(len(falling) * limits.shown_early)]
    return min(1.0, ceil(barred * SURE_STEPS + 1) / SURE_STEPS)


@dataclass(frozen=True, slots=True)
class _Trial:
    """How far from the targets a choice of thresholds would leave these rows."""

    probabilities: Tensor
    labels: Tensor
    beginnings: Tensor
    cannot_be_whole: Tensor
    order: tuple[State, ...]
    limits: TriggerLimits

    def shortfall(self, thresholds: Sequence[float]) -> tuple[int, float]:
        """The worst multiple of an allowed share, in steps, and the sum of them all."""
        decided = self._decided(self.probabilities, thresholds)
        multiples = []
        for column, state in enumerate(self.order):
            rows = decided[self.labels == column]
            if len(rows):
                missed = float((rows != column).float().mean())
                multiples.append(missed / getattr(self.limits, state.value))
        if len(self.beginnings):
            early = self._decided(self.beginnings, thresholds)
            answered = early == self.order.index(State.QUERY)
            dropped = ~answered & (early != self.order.index(State.INCOMPLETE))
            for wrong in (answered[self.cannot_be_whole], dropped):
                share = float(wrong.float().mean()) if len(wrong) else 0.0
                multiples.append(share / self.limits.premature)
        return ceil(max(multiples, default=0.0) / WORST_STEP), sum(multiples)

    def _decided(self, probabilities: Tensor, thresholds: Sequence[float]) -> Tensor:
        """Columns as `duologue.states.decide` chooses them, `[rows]`."""
        columns = torch.tensor([self.order.index(state) for state in ACTED_ON])
        acted_on = probabilities[:, columns]
        reached = torch.where(acted_on >= torch.tensor(thresholds), acted_on, -1.0)
        likeliest = reached.max(dim=1)
        none = self.order.index(State.INCOMPLETE)
        return torch.where(likeliest.values >= 0.0, columns[likeliest.indices], none)
