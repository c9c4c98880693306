"""Temperature, thresholds and calibration error, all from validation probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from duologue.states import State

TEMPERATURES = torch.logspace(-0.7, 0.7, 57)
NUM_BINS = 15


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
    """Shares of false alarms that the thresholds may let through, per acted-on state.

    A false query costs a conversation most: the assistant falls into somebody's word. A false
    non-query drops words that were meant for it.
    """

    query: float = 0.03
    non_query: float = 0.03
    hold: float = 0.01


def choose_thresholds(
    probabilities: Tensor,
    labels: Tensor,
    order: Sequence[State],
    limits: TriggerLimits,
    floor: float = 0.35,
) -> Mapping[State, float]:
    """For each acted-on state the lowest probability that keeps false alarms within its limit.

    False alarms are counted among the rows of all other labels. A row may reach two thresholds and
    is then acted on once (`duologue.states.decide`), so the true share is at most the limit.
    """
    thresholds: dict[State, float] = {}
    for state in order:
        if state is State.INCOMPLETE:
            continue
        column = order.index(state)
        alarms = probabilities[labels != column, column].sort(descending=True).values
        allowed = int(getattr(limits, state.value) * len(alarms))
        limit = float(alarms[allowed]) + 1e-4 if len(alarms) > allowed else 0.0
        thresholds[state] = round(min(0.95, max(floor, limit)), 4)
    return thresholds
