"""The margin of a choice is one: what stays within it changes no token, what passes it may."""

from random import Random

import torch
from hypothesis import given
from hypothesis import strategies as st

from duologue.forward.sampling import sample
from duologue.forward.sampling_settings import SamplingSettings
from tests.rules.comparing import ROUNDING
from tests.rules.margins import token_margin
from tests.rules.profile import many
from tests.tiny_models import VOCAB_SIZE

settings_of_any_kind = st.builds(
    SamplingSettings,
    temperature=st.sampled_from((0.0, 0.3, 1.0, 1.5)),
    top_k=st.sampled_from((0, 5, 40)),
    top_p=st.sampled_from((1.0, 0.8)),
    repetition_penalty=st.sampled_from((1.0, 1.3)),
    seed=st.integers(0, 99),
)


@many(150)
@given(settings_of_any_kind, st.integers(0, 2**32))
def test_nothing_within_the_margin_changes_the_token(settings: SamplingSettings, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(VOCAB_SIZE, generator=generator)
    draw, history = (Random(seed).randrange(9), 3), list(range(40))
    margin = token_margin(logits, settings, draw, history)
    assert margin >= 0
    if margin <= ROUNDING:
        return  # float32 itself is no finer
    token = sample(logits[None], [settings], [draw], [history])
    for _ in range(8):
        signs = torch.randint(0, 2, logits.shape, generator=generator) * 2 - 1
        moved = logits + 0.9 * margin * logits.abs().max() * signs
        assert sample(moved[None], [settings], [draw], [history]) == token


def test_margins_are_seldom_so_small_that_they_excuse_anything() -> None:
    generator = torch.Generator().manual_seed(0)
    settings = SamplingSettings(temperature=1.0, top_p=0.8)
    margins = [
        token_margin(2 * torch.randn(VOCAB_SIZE, generator=generator), settings, (1, number), ())
        for number in range(500)
    ]
    assert sum(margin <= ROUNDING for margin in margins) < 25


def test_choice_on_the_edge_has_no_margin() -> None:
    logits = torch.tensor([1.0, 1.0, -3.0])
    assert token_margin(logits, SamplingSettings(), (1, 0), ()) == 0
    ranked = SamplingSettings(temperature=1.0, top_k=2)
    assert token_margin(logits, ranked, (1, 0), ()) == 0
