"""Tokens are chosen as transformers would, row by row, and named random numbers decide."""

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from duologue.errors import InvalidSetting
from duologue.forward.draws import split_mix, uniform
from duologue.forward.sampling import (
    NARROW,
    SamplingSettings,
    filtered_candidates,
    penalize,
    place_in_sum,
    sample,
)

WIDE = 4 * NARROW  # a vocabulary of which the narrow way sees a part
fewer_examples = settings(max_examples=80)

PENALIZED = SamplingSettings(repetition_penalty=1.3)

sampling_settings = st.builds(
    SamplingSettings,
    temperature=st.sampled_from([0.0, 0.05, 0.7, 1.0, 3.0]),
    top_k=st.sampled_from([0, 1, 5, 50, 300, 5000]),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 0.999, 1.0]),
    repetition_penalty=st.sampled_from([0.8, 1.0, 1.3]),
    seed=st.integers(0, 3),
)
histories = st.lists(st.integers(0, WIDE + 10), max_size=6)


def random_logits(seed: int, rows: int = 1, vocab: int = WIDE, scale: float = 3.0) -> Tensor:
    return torch.randn(rows, vocab, generator=torch.Generator().manual_seed(seed)) * scale


def by_transformers(scores: Tensor, chosen: SamplingSettings, history: list[int]) -> Tensor:
    """Probabilities [vocab] as the library's own `generate` has them before it draws."""
    processors = LogitsProcessorList()
    if chosen.repetition_penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(chosen.repetition_penalty))
    processors.append(TemperatureLogitsWarper(float(chosen.temperature)))
    if chosen.top_k > 0:
        processors.append(TopKLogitsWarper(chosen.top_k))
    if chosen.top_p < 1:
        processors.append(TopPLogitsWarper(chosen.top_p))
    said = torch.tensor([history], dtype=torch.long)
    return processors(said, scores[None]).softmax(dim=-1)[0]  # type: ignore[arg-type]


def by_us(scores: Tensor, chosen: SamplingSettings, history: list[int]) -> Tensor:
    """Probabilities [vocab] from which `sample` draws."""
    penalized = penalize(scores[None], [chosen], [history])
    candidates = filtered_candidates(penalized, [chosen])
    result = torch.zeros_like(scores)
    result.scatter_add_(0, candidates.tokens[0], candidates.weights[0])
    return result / result.sum()


@fewer_examples
@given(
    chosen=sampling_settings.filter(lambda chosen: not chosen.is_greedy),
    seed=st.integers(0, 50),
    scale=st.sampled_from([0.1, 3.0, 20.0]),
    history=histories,
)
def test_support_and_probabilities_are_those_of_transformers(
    chosen: SamplingSettings, seed: int, scale: float, history: list[int]
) -> None:
    scores = random_logits(seed, scale=scale)[0]
    ours = by_us(scores, chosen, history)
    theirs = by_transformers(scores, chosen, history)
    torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=1e-7)
    # Weights too small for float32 count as ruled out on either side.
    differing = (ours > 0) != (theirs > 0)
    assert float(theirs[differing].sum() + ours[differing].sum()) < 1e-6


@pytest.mark.parametrize("vocab", [4, NARROW - 1, NARROW, NARROW + 1])
@pytest.mark.parametrize("limit", [{"top_k": 3}, {"top_k": 3, "top_p": 0.6}, {"top_p": 0.6}])
def test_small_vocabularies_are_filtered_the_same_way(vocab: int, limit: dict[str, float]) -> None:
    chosen = replace(SamplingSettings(temperature=1.5), **limit)  # type: ignore[arg-type]
    scores = random_logits(1, vocab=vocab)[0]
    torch.testing.assert_close(by_us(scores, chosen, []), by_transformers(scores, chosen, []))


def test_tokens_as_likely_as_the_last_of_the_top_k_stay() -> None:
    scores = torch.zeros(WIDE)
    scores[7] = 1
    chosen = SamplingSettings(temperature=1, top_k=2)
    ours = by_us(scores, chosen, [])
    assert int((ours > 0).sum()) == WIDE
    torch.testing.assert_close(ours, by_transformers(scores, chosen, []))


@fewer_examples
@given(
    rows=st.lists(
        st.tuples(sampling_settings, st.integers(0, 9), st.integers(0, 9), histories),
        min_size=1,
        max_size=6,
    ),
    seed=st.integers(0, 20),
    data=st.data(),
)
def test_a_row_does_not_depend_on_the_others(
    rows: list[tuple[SamplingSettings, int, int, list[int]]], seed: int, data: st.DataObject
) -> None:
    logits = random_logits(seed, len(rows))

    def choose(picked: list[int]) -> list[int]:
        return sample(
            logits[picked],
            [rows[row][0] for row in picked],
            [rows[row][1:3] for row in picked],
            [rows[row][3] for row in picked],
        )

    together = choose(list(range(len(rows))))
    assert [choose([row])[0] for row in range(len(rows))] == together
    order = data.draw(st.permutations(range(len(rows))))
    assert choose(order) == [together[row] for row in order]


@pytest.mark.parametrize(
    "chosen",
    [
        SamplingSettings(temperature=0.8, seed=1),
        SamplingSettings(temperature=1.2, top_k=6, seed=2),
        SamplingSettings(temperature=1, top_p=0.7, seed=3),
        SamplingSettings(temperature=1, top_k=8, top_p=0.9, repetition_penalty=1.5, seed=4),
    ],
    ids=["all", "top_k", "top_p", "everything"],
)
def test_draws_follow_the_probabilities(chosen: SamplingSettings) -> None:
    scores = random_logits(3, vocab=12, scale=1.0)[0]
    history = [2, 5, 2]
    num_draws = 20_000
    drawn = sample(
        scores.repeat(num_draws, 1),
        [chosen] * num_draws,
        [divmod(number, 100) for number in range(num_draws)],
        [history] * num_draws,
    )
    counts = torch.bincount(torch.tensor(drawn), minlength=12).double()
    expected = by_transformers(scores, chosen, history).double() * num_draws
    possible = expected > 0
    assert counts[~possible].sum() == 0
    chi_square = float(((counts - expected)[possible] ** 2 / expected[possible]).sum())
    # With at most 11 degrees of freedom a fair draw exceeds this once in 10,000 times.
    assert chi_square < 37.4


@fewer_examples
@given(seed=st.integers(0, 50), history=histories)
def test_without_temperature_the_likeliest_token_is_chosen(seed: int, history: list[int]) -> None:
    logits = random_logits(seed, 2)
    greedy = SamplingSettings()
    assert sample(logits, [greedy] * 2, [(0, 0)] * 2, [history] * 2) == logits.argmax(-1).tolist()
    said = torch.tensor([history], dtype=torch.long)
    expected = RepetitionPenaltyLogitsProcessor(1.3)(said, logits[:1].clone())
    assert sample(logits[:1], [PENALIZED], [(0, 0)], [history]) == expected.argmax(-1).tolist()


@fewer_examples
@given(logits=st.lists(st.sampled_from([-1.0, 0.0, 2.0]), min_size=1, max_size=8))
def test_of_equally_likely_tokens_the_first_is_chosen(logits: list[float]) -> None:
    tensor = torch.tensor([logits], dtype=torch.bfloat16)
    assert sample(tensor, [SamplingSettings()], [(0, 0)], [[]]) == [logits.index(max(logits))]


@fewer_examples
@given(chosen=sampling_settings, seed=st.integers(0, 20))
def test_the_same_names_draw_the_same_token(chosen: SamplingSettings, seed: int) -> None:
    logits = random_logits(seed)
    before = logits.clone()
    first, second = (sample(logits, [chosen], [(3, 4)], [[1, 2]]) for _ in range(2))
    assert first == second
    assert torch.equal(logits, before)


def test_other_names_draw_other_tokens() -> None:
    logits = torch.zeros(1, WIDE)
    tokens = {
        sample(logits, [SamplingSettings(temperature=1, seed=seed)], [(response, token)], [[]])[0]
        for seed, response, token in itertools.product(range(3), repeat=3)
    }
    assert len(tokens) > 20


def test_a_token_that_is_ruled_out_is_never_drawn() -> None:
    logits = torch.full((1, WIDE), -torch.inf)
    logits[0, [5, 900]] = 1.0
    chosen = SamplingSettings(temperature=2.0)
    for token, limits in itertools.product(range(50), [{}, {"top_k": 40}, {"top_p": 0.99}]):
        settled = replace(chosen, **limits)  # type: ignore[arg-type]
        assert sample(logits, [settled], [(0, token)], [[]])[0] in (5, 900)


def test_the_ends_of_the_random_numbers_meet_no_weight_of_zero() -> None:
    largest = 1 - 2**-24
    numbers = [0.0, 0.3, 0.4, largest]
    weights = torch.tensor([0.0, 1.0, 0.0, 2.0, 0.0]).repeat(4, 1)
    assert place_in_sum(weights, torch.tensor(numbers)).tolist() == [1, 1, 3, 3]
    # Where rounding lifts the share to the whole sum.
    tiny = torch.tensor([[1.0, 2.0**-24, 0.0], [3.0, 0.0, 0.0]])
    assert place_in_sum(tiny, torch.tensor([largest, largest])).tolist() == [0, 0]


def test_the_random_numbers_are_split_mix() -> None:
    # The first numbers of the published generator from the seed 1234567, whose state grows so.
    gamma, states = 0x9E3779B97F4A7C15, range(3)
    assert [split_mix(1234567 + gamma * state) for state in states] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_the_random_numbers_are_uniform_and_below_one() -> None:
    numbers = [uniform(seed, response, 0) for seed in range(20) for response in range(500)]
    tenths = torch.bincount((torch.tensor(numbers) * 10).long(), minlength=10).double()
    assert len(tenths) == 10
    assert float(((tenths - 1000) ** 2 / 1000).sum()) < 33.8  # once in 10,000 times
    assert all(float(torch.tensor(number)) == number for number in numbers[:100])


def test_no_rows_need_no_tokens() -> None:
    assert sample(torch.zeros(0, 5), [], [], []) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 1e-9),
        ("temperature", 11),
        ("temperature", float("nan")),
        ("temperature", "warm"),
        ("top_k", -1),
        ("top_k", 1.5),
        ("top_k", True),
        ("top_p", 0.0),
        ("top_p", 1.01),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", float("inf")),
        ("seed", -1),
        ("seed", 2**64),
    ],
)
def test_a_setting_out_of_range_is_named(field: str, value: object) -> None:
    with pytest.raises(InvalidSetting, match=rf"^{field} must be .* not "):
        SamplingSettings(**{field: value})  # type: ignore[arg-type]
