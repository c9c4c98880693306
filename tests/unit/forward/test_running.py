"""Answers that are computed where a forward runs are those that are computed of its output."""

from random import Random

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from duologue.forward.rows import ForwardOutput
from duologue.forward.running import Answers, Running
from duologue.forward.sampling import NARROW, sample
from duologue.forward.sampling_rows import COLUMNS, SamplingColumns, TokenRequests
from duologue.forward.sampling_settings import SamplingSettings
from duologue.forward.state_head import AdapterCard, StateHead
from duologue.states import State

VOCAB_SIZE = 3 * NARROW
LABELS = (State.QUERY, State.NON_QUERY, State.INCOMPLETE)

sampling = st.builds(
    SamplingSettings,
    temperature=st.sampled_from((0.0, 0.0, 0.7, 8.0)),
    top_k=st.sampled_from((0, 0, 3, 2 * NARROW)),
    top_p=st.sampled_from((1.0, 0.5, 0.99)),
    repetition_penalty=st.sampled_from((1.0, 1.0, 1.3)),
    seed=st.integers(0, 9),
)


def requests_of(chosen: list[SamplingSettings], random: Random) -> TokenRequests:
    history = [
        [random.randrange(VOCAB_SIZE + 9) for _ in range(random.randint(0, 5))] for _ in chosen
    ]
    draws = [(random.randrange(5), random.randrange(50)) for _ in chosen]
    return TokenRequests(chosen, draws, history)


def head() -> StateHead:
    card = AdapterCard(hidden_size=6, labels=LABELS, thresholds={})
    return StateHead(card, [(torch.arange(18.0).view(3, 6) / 9, torch.ones(3))])


def answers(logits: Tensor, hidden: Tensor, requests: TokenRequests) -> Answers:
    columns = SamplingColumns(requests, VOCAB_SIZE)
    with torch.inference_mode():  # as a forward is; who asks for the answers may have left it
        output = ForwardOutput(logits.clone(), hidden, torch.from_numpy(columns.packed))
        running = Running(output, columns, head())
    return running.result()


@settings(max_examples=60)
@given(st.lists(sampling, max_size=6), st.integers(0, 3), st.randoms(use_true_random=False))
def test_tokens_and_states_are_those_of_the_output(
    chosen: list[SamplingSettings], num_hidden: int, random: Random
) -> None:
    generator = torch.Generator().manual_seed(random.randrange(1000))
    logits = torch.randn(len(chosen), VOCAB_SIZE, generator=generator) * 3
    hidden = torch.randn(num_hidden, 6, generator=generator)
    requests = requests_of(chosen, random)
    found = answers(logits, hidden, requests)
    each = [
        sample(logits[row : row + 1], [one], [requests.draws[row]], [requests.history[row]])[0]
        for row, one in enumerate(chosen)
    ]
    assert found.tokens == each
    wanted = head().probabilities(hidden)
    torch.testing.assert_close(torch.tensor(found.probabilities).view(-1, 3), wanted)


def test_a_row_for_which_the_likeliest_are_not_enough_is_drawn_from_all() -> None:
    """Almost all tokens are as likely as each other, so most draws lie beyond the narrow ones."""
    chosen = [SamplingSettings(temperature=1.0, top_p=0.99, seed=seed) for seed in range(20)]
    requests = TokenRequests(chosen, [(0, 0)] * 20, [()] * 20)
    logits = torch.linspace(0, 0.1, VOCAB_SIZE).expand(20, -1)
    found = answers(logits, torch.empty(0, 6), requests).tokens
    assert min(found) < VOCAB_SIZE - NARROW
    assert len(set(found)) > 10


@given(st.lists(sampling, max_size=5), st.randoms(use_true_random=False))
def test_columns_come_through_in_one_piece(chosen: list[SamplingSettings], random: Random) -> None:
    columns = SamplingColumns(requests_of(chosen, random), VOCAB_SIZE)
    sent = columns.within(torch.from_numpy(columns.packed))
    moved = columns.on(torch.device("cpu"))
    for name in COLUMNS:
        one, other = getattr(sent, name), getattr(moved, name)
        assert one.dtype == other.dtype
        assert one.equal(other)
