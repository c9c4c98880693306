"""Fitting, calibration and figures, on features whose answer is known."""

from collections.abc import Mapping
from random import Random

import pytest
import torch
from torch import Tensor

from duologue.errors import InvalidInput
from duologue.forward.state_head import AdapterCard, StateHead
from duologue.states import State
from duologue.training.calibration import (
    TriggerLimits,
    best_temperature,
    calibration_error,
    choose_thresholds,
)
from duologue.training.figures import Judged, word_beginnings
from duologue.training.head_fit import FitSettings, fit_head
from duologue.training.sample import Sample, Turn
from duologue.training.trainer import cannot_be_whole, first_beginnings

ORDER = tuple(State)


def clouds(num_rows: int, seed: int, spread: float = 0.6) -> tuple[Tensor, Tensor]:
    """Four clouds of features, far from zero and of very different scales."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (num_rows,), generator=generator)
    centres = torch.eye(4)[labels]
    noise = torch.randn(num_rows, 4, generator=generator) * spread
    return (centres + noise) * torch.tensor([1.0, 50.0, 0.1, 5.0]) + 20.0, labels


def accuracy(dense: list[tuple[Tensor, Tensor]], rows: Tensor, labels: Tensor) -> float:
    card = AdapterCard(hidden_size=rows.shape[1], labels=ORDER, thresholds={})
    chosen = StateHead(card, dense).probabilities(rows).argmax(1)
    return float((chosen == labels).float().mean())


@pytest.mark.parametrize("hidden_width", [0, 16])
def test_a_fitted_head_tells_clouds_apart_on_raw_features(hidden_width: int) -> None:
    settings = FitSettings(hidden_width=hidden_width, learning_rate=0.03, max_epochs=25)
    fitted = fit_head(clouds(1500, 0, 0.2), clouds(300, 1, 0.2), 4, settings)
    assert accuracy(fitted.dense, *clouds(500, 2, 0.2)) > 0.97


def test_the_same_seed_gives_the_same_head_whatever_was_drawn_before() -> None:
    settings = FitSettings(hidden_width=8, dropout=0.3, max_epochs=3)
    first = fit_head(clouds(300, 0), clouds(100, 1), 4, settings)
    torch.randn(7)
    second = fit_head(clouds(300, 0), clouds(100, 1), 4, settings)
    other = fit_head(clouds(300, 0), clouds(100, 1), 4, FitSettings(8, dropout=0.3, seed=1))
    for (weight, bias), (same_weight, same_bias) in zip(first.dense, second.dense, strict=True):
        assert torch.equal(weight, same_weight)
        assert torch.equal(bias, same_bias)
    assert not torch.equal(first.dense[0][0], other.dense[0][0])


def test_fitting_stops_when_validation_no_longer_improves_and_keeps_the_best() -> None:
    heard: list[tuple[int, float, float]] = []
    fitted = fit_head(
        clouds(60, 0, 1.0),
        clouds(400, 1, 1.0),
        4,
        FitSettings(hidden_width=64, learning_rate=0.02, max_epochs=200, patience=4),
        lambda epoch, train_loss, val_loss: heard.append((epoch, train_loss, val_loss)),
    )
    losses = [val_loss for _, _, val_loss in heard]
    assert len(heard) < 200
    assert len(heard) == fitted.best_epoch + 1 + 4
    assert fitted.best_loss == min(losses) == losses[fitted.best_epoch]


def test_temperature_undoes_overconfidence() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 4, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
    assert best_temperature(logits, labels) == pytest.approx(1.0, abs=0.1)
    assert best_temperature(logits * 3, labels) == pytest.approx(3.0, rel=0.1)
    assert calibration_error(logits.softmax(-1), labels) < 0.03
    assert calibration_error((logits * 3).softmax(-1), labels) > 0.1


def noisy_rows(noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities and labels of rows that a head tells apart, but not always."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (2000,), generator=generator)
    logits = torch.eye(4)[labels] * 3 + torch.randn(2000, 4, generator=generator) * noise
    return logits.softmax(-1), labels


def error_multiples(
    probabilities: torch.Tensor,
    labels: torch.Tensor,
    thresholds: Mapping[State, float],
    limits: TriggerLimits,
) -> list[float]:
    """Each error share over what its target allows, by way of the engine's own decisions."""
    samples = [Sample("x", ORDER[label]) for label in labels.tolist()]
    judged = Judged.of(samples, probabilities, ORDER, thresholds)
    multiples = [(1 - judged.recall(state)) / getattr(limits, state.value) for state in ORDER]
    unfinished = [d for s, d in zip(samples, judged.decided, strict=True)
                  if s.label is State.INCOMPLETE]  # fmt: skip
    early = sum(decided is State.QUERY for decided in unfinished) / len(unfinished)
    dropped = sum(decided in (State.NON_QUERY, State.HOLD) for decided in unfinished)
    return [
        *multiples,
        early / limits.premature,
        dropped / len(unfinished) / limits.premature,
    ]


def test_thresholds_meet_targets_that_can_be_met() -> None:
    probabilities, labels = noisy_rows(0.8)
    limits = TriggerLimits()
    thresholds = choose_thresholds(probabilities, labels, ORDER, limits)
    assert max(error_multiples(probabilities, labels, thresholds, limits)) <= 1.0
    assert State.INCOMPLETE not in thresholds


def test_thresholds_leave_no_target_far_behind_the_others() -> None:
    probabilities, labels = noisy_rows(1.6)
    limits = TriggerLimits()
    chosen = choose_thresholds(probabilities, labels, ORDER, limits)
    worst = max(error_multiples(probabilities, labels, chosen, limits))
    assert worst > 1.0
    generator = Random(0)
    for _ in range(300):
        other = {state: generator.uniform(0.2, 0.95) for state in chosen}
        assert max(error_multiples(probabilities, labels, other, limits)) >= worst - 0.15


def test_answering_early_costs_more_where_less_of_it_is_allowed() -> None:
    probabilities, labels = noisy_rows(1.6)
    strict = TriggerLimits(premature=0.005)
    loose = TriggerLimits(premature=0.2)
    thresholds = [choose_thresholds(probabilities, labels, ORDER, x) for x in (strict, loose)]
    assert thresholds[0][State.QUERY] > thresholds[1][State.QUERY]


def test_beginnings_that_always_trigger_raise_the_threshold() -> None:
    probabilities, labels = noisy_rows(1.2)
    eager = torch.tensor([[0.8, 0.1, 0.05, 0.05]]).repeat(500, 1)
    limits = TriggerLimits()
    without = choose_thresholds(probabilities, labels, ORDER, limits)
    with_beginnings = choose_thresholds(probabilities, labels, ORDER, limits, eager)
    assert with_beginnings[State.QUERY] > 0.8 > without[State.QUERY]


def test_beginnings_that_would_be_dropped_raise_the_threshold_too() -> None:
    probabilities, labels = noisy_rows(1.2)
    dropped = torch.tensor([[0.1, 0.7, 0.15, 0.05]]).repeat(500, 1)
    chosen = choose_thresholds(probabilities, labels, ORDER, TriggerLimits(), dropped)
    assert chosen[State.NON_QUERY] > 0.7


def test_beginnings_that_could_be_whole_may_be_answered_but_not_dropped() -> None:
    probabilities, labels = noisy_rows(1.2)
    limits, could_be_whole = TriggerLimits(), torch.zeros(500, dtype=torch.bool)
    for column, state in ((0, State.QUERY), (1, State.NON_QUERY)):
        rows = torch.full((500, 4), 0.1).index_fill(1, torch.tensor([column]), 0.7)
        strict = choose_thresholds(probabilities, labels, ORDER, limits, rows)
        lenient = choose_thresholds(probabilities, labels, ORDER, limits, rows, could_be_whole)
        assert strict[state] > 0.7
        assert (lenient[state] > 0.7) == (state is State.NON_QUERY)


def test_only_beginnings_that_training_calls_unfinished_cannot_be_whole() -> None:
    samples = [
        Sample("what time is it in paris", State.QUERY),
        Sample("uh huh", State.NON_QUERY),
        Sample("book  a table for two", State.QUERY),
    ]
    unfinished = cannot_be_whole(samples, {"what time is it"})
    texts = [sample.text for sample in first_beginnings(samples)]
    could_be = {text for text, no in zip(texts, unfinished.tolist(), strict=True) if not no}
    assert could_be == {"what time", "what time is it", "book a table"}


def test_the_beginning_of_an_answer_could_be_whole_as_in_training() -> None:
    text = "two of us and a baby"
    answer, other = (Sample(text, State.QUERY, category) for category in ("free_answer", ""))
    whole = {
        category: [
            beginning.text
            for beginning, no in zip(
                first_beginnings([sample]), cannot_be_whole([sample], set()).tolist(), strict=True
            )
            if not no
        ]
        for category, sample in (("answer", answer), ("other", other))
    }
    assert whole == {"answer": ["two", "two of us"], "other": ["two of us"]}


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_limit_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(InvalidInput, match="premature"):
        TriggerLimits(premature=share)


def test_figures_count_what_the_engine_would_decide() -> None:
    samples = [
        Sample("a b c", State.QUERY, "short"),
        Sample("a", State.QUERY, "long"),
        Sample("b", State.NON_QUERY, "tic", speaking=True),
        Sample("c", State.INCOMPLETE, "cut"),
    ]
    rows = torch.tensor(
        [
            [0.9, 0.05, 0.05, 0.0],
            [0.55, 0.05, 0.4, 0.0],  # likeliest query, below its threshold
            [0.7, 0.2, 0.1, 0.0],  # a false query
            [0.1, 0.1, 0.8, 0.0],
        ]
    )
    judged = Judged.of(samples, rows, ORDER, {State.QUERY: 0.6, State.NON_QUERY: 0.5})
    assert judged.decided == (State.QUERY, State.INCOMPLETE, State.QUERY, State.INCOMPLETE)
    assert judged.recall(State.QUERY) == 0.5
    assert judged.precision(State.QUERY) == 0.5
    assert judged.recall(State.INCOMPLETE) == 1.0
    assert judged.trigger_share() == 0.5
    assert judged.recall_by("category") == {"cut": 1.0, "long": 0.0, "short": 1.0, "tic": 0.0}
    figures = judged.to_json()
    assert figures["confusion"]["non_query"]["query"] == 1
    assert "hold" not in figures["recall"]


def test_every_beginning_of_a_query_is_judged_in_its_context() -> None:
    context = (Turn("user", "hello"),)
    samples = [
        Sample("what is it", State.QUERY, context=context, speaking=True),
        Sample("uh huh yes", State.NON_QUERY),
        Sample("why", State.QUERY),
    ]
    beginnings = word_beginnings(samples)
    assert [sample.text for sample in beginnings] == ["what", "what is"]
    assert all(s.context == context and s.speaking for s in beginnings)
    assert all(sample.label is State.INCOMPLETE for sample in beginnings)
