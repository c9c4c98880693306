"""What benchmarks count of how close one computation of a model is to another."""

import pytest
import torch
from torch import Tensor

from benchmarks.closeness import Closeness

TOKENS = [7, 1, 0, 2]


def log_probabilities(*rows: tuple[float, float, float]) -> Tensor:
    return torch.tensor(rows).log()


TRUTH = log_probabilities((0.2, 0.2, 0.6), (0.5, 0.25, 0.25), (0.1, 0.2, 0.7), (1.0, 1e-9, 1e-9))


def test_a_computation_is_closest_to_itself() -> None:
    closeness = Closeness()
    closeness.add(TRUTH, TRUTH, TOKENS, first=2)
    assert closeness.num_tokens == 2
    assert closeness.agreement == 1
    assert closeness.divergence == 0
    # What is counted follows on the second token and on the third: 0 at .5, and 2 at .7.
    expected = -(torch.tensor([0.5, 0.7]).log().mean())
    assert closeness.negative_log_likelihood == pytest.approx(float(expected))


def test_what_differs_is_counted() -> None:
    other = TRUTH.clone()
    other[2] = torch.tensor([0.1, 0.7, 0.2]).log()
    closeness = Closeness()
    closeness.add(TRUTH, other, TOKENS, first=2)
    assert closeness.agreement == 0.5
    expected = 0.2 * torch.tensor(0.2 / 0.7).log() + 0.7 * torch.tensor(0.7 / 0.2).log()
    assert closeness.divergence == pytest.approx(float(expected) / 2)
