"""The choice of the next tokens, for all rows of a forward at once.

Full sorting of a large vocabulary takes longer than the forward of a small model. So rows without a
filter are not sorted, and others only as far as the `NARROW` likeliest tokens, if these are enough.
Which way a row goes depends on that row alone, and so does its token.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from duologue.forward.draws import uniform
from duologue.forward.sampling_settings import SamplingSettings

__all__ = [
    "NARROW",
    "Candidates",
    "SamplingSettings",
    "filtered_candidates",
    "penalize",
    "place_in_sum",
    "sample",
]

NARROW = 256


@dataclass(frozen=True, slots=True)
class Candidates:
    """Tokens that may be drawn, likeliest first, with their weights, which need not sum to 1.

    A weight of 0 rules a token out. Both tensors are [rows, width].
    """

    tokens: Tensor
    weights: Tensor


def sample(
    logits: Tensor,
    settings: Sequence[SamplingSettings],
    draws: Sequence[tuple[int, int]],
    history: Sequence[Sequence[int]],
) -> list[int]:
    """Choose one token per row of `logits` [rows, vocab].

    `draws` holds, per row, the number of the response and that of the token within it: with the
    seed they name the row's random number. `history` holds the tokens that the repetition penalty
    counts as said. What a row gets does not depend on the other rows.
    """
    num_rows = len(settings)
    assert logits.dim() == 2, f"logits must be [rows, vocab], not {tuple(logits.shape)}"
    assert logits.shape[0] == num_rows == len(draws) == len(history), "one of each per row"
    if num_rows == 0:
        return []
    # Also for the likeliest token alone: float32 is searched several times faster than bfloat16.
    scores = penalize(logits.float(), settings, history)
    tokens = scores.argmax(dim=-1)
    for has_filter in (False, True):
        rows = [
            row
            for row, chosen in enumerate(settings)
            if not chosen.is_greedy and chosen.has_filter == has_filter
        ]
        if not rows:
            continue
        chosen = [settings[row] for row in rows]
        numbers = [uniform(settings[row].seed, *draws[row]) for row in rows]
        place = torch.tensor(rows, device=logits.device)
        theirs = scores if len(rows) == num_rows else scores[place]
        draw = _draw_filtered if has_filter else _draw_from_all
        tokens[place] = draw(theirs, chosen, scores.new_tensor(numbers))
    return [int(token) for token in tokens.tolist()]


def penalize(
    scores: Tensor, settings: Sequence[SamplingSettings], history: Sequence[Sequence[int]]
) -> Tensor:
    """Scores [rows, vocab] with the repetition penalties; the same tensor if there are none."""
    rows = [
        row
        for row, chosen in enumerate(settings)
        if chosen.repetition_penalty != 1 and history[row]
    ]
    if not rows:
        return scores
    lengths = torch.tensor([len(history[row]) for row in rows])
    row_of = torch.tensor(rows).repeat_interleave(lengths).to(scores.device)
    token_of = torch.tensor([token for row in rows for token in history[row]], device=scores.device)
    is_known = token_of < scores.shape[1]  # a tokenizer may know more tokens than a model's head
    row_of, token_of = row_of[is_known], token_of[is_known]
    penalty = scores.new_tensor([chosen.repetition_penalty for chosen in settings])[row_of]
    before = scores[row_of, token_of]  # [said tokens], the same value wherever one is repeated
    penalized = scores.clone()
    penalized[row_of, token_of] = torch.where(before < 0, before * penalty, before / penalty)
    return penalized


def filtered_candidates(scores: Tensor, settings: Sequence[SamplingSettings]) -> Candidates:
    """What top-k and top-p leave of scores [rows, vocab], for rows whose temperature is not 0."""
    limits = _Limits.of(settings, scores)
    width = min(NARROW, scores.shape[1])
    ranked, tokens = scores.topk(width, dim=-1)  # [rows, width]
    totals = _totals(scores, limits)
    weights = _filter(ranked, totals, limits)
    wide_rows = torch.nonzero(~_is_enough(ranked, totals, limits)).flatten()
    if width == scores.shape[1] or len(wide_rows) == 0:
        return Candidates(tokens, weights)
    wide_ranked, wide_tokens = scores[wide_rows].sort(dim=-1, descending=True, stable=True)
    missing = scores.shape[1] - width
    tokens = torch.nn.functional.pad(tokens, (0, missing))
    weights = torch.nn.functional.pad(weights, (0, missing))
    tokens[wide_rows] = wide_tokens
    weights[wide_rows] = _filter(wide_ranked, totals[wide_rows], limits.of_rows(wide_rows))
    return Candidates(tokens, weights)


@dataclass(frozen=True, slots=True)
class _Limits:
    """The settings of several rows as tensors [rows, 1]; `top_k` 0 means all tokens."""

    temperature: Tensor
    top_k: Tensor
    top_p: Tensor

    @classmethod
    def of(cls, settings: Sequence[SamplingSettings], scores: Tensor) -> "_Limits":
        vocab_size = scores.shape[1]
        top_k = [chosen.top_k if chosen.top_k < vocab_size else 0 for chosen in settings]
        return cls(
            temperature=scores.new_tensor([[chosen.temperature] for chosen in settings]),
            top_k=torch.tensor(top_k, device=scores.device)[:, None],
            top_p=scores.new_tensor([[chosen.top_p] for chosen in settings]),
        )

    def of_rows(self, rows: Tensor) -> "_Limits":
        return _Limits(self.temperature[rows], self.top_k[rows], self.top_p[rows])


def _weights(scores: Tensor, temperature: Tensor) -> Tensor:
    """Probabilities but for a factor per row; the likeliest token weighs 1."""
    # In place where it can be: fresh memory of this size costs as much as the arithmetic.
    return (scores - scores.amax(dim=-1, keepdim=True)).div_(temperature).exp_()


def _totals(scores: Tensor, limits: _Limits) -> Tensor:
    """The weights of the whole vocabulary together, [rows]; 0 for rows with top-k, unused there."""
    without_top_k = limits.top_k[:, 0] == 0
    if without_top_k.all():
        return _weights(scores, limits.temperature).sum(dim=-1)
    totals = scores.new_zeros(scores.shape[0])
    if without_top_k.any():
        weights = _weights(scores[without_top_k], limits.temperature[without_top_k])
        totals[without_top_k] = weights.sum(dim=-1)
    return totals


def _kth_best(ranked: Tensor, top_k: Tensor) -> Tensor:
    return ranked.gather(1, top_k.clamp(1, ranked.shape[1]) - 1)  # [rows, 1]


def _filter(ranked: Tensor, totals: Tensor, limits: _Limits) -> Tensor:
    """Weights of the ranked scores [rows, width], 0 where a limit rules the token out.

    `totals` [rows] are the weights of the whole vocabulary, of which top-p is a share unless top-k
    has cut it before. Tokens as likely as the last of the top-k stay, as in transformers.
    """
    weights = _weights(ranked, limits.temperature)
    has_top_k = limits.top_k > 0
    weights = weights.masked_fill(has_top_k & (ranked < _kth_best(ranked, limits.top_k)), 0)
    totals = torch.where(has_top_k, weights.sum(dim=-1, keepdim=True), totals[:, None])
    before = weights.cumsum(dim=-1) - weights  # what likelier tokens have together
    return weights.masked_fill((limits.top_p < 1) & (before >= limits.top_p * totals), 0)


def _is_enough(ranked: Tensor, totals: Tensor, limits: _Limits) -> Tensor:
    """Whether no token beyond the ranked ones can pass the limits; [rows], bool."""
    top_k = limits.top_k
    by_k = (top_k <= ranked.shape[1]) & (ranked[:, -1:] < _kth_best(ranked, top_k))
    mass = _weights(ranked, limits.temperature).sum(dim=-1, keepdim=True)
    by_p = (limits.top_p < 1) & (mass >= limits.top_p * totals[:, None])
    return torch.where(top_k > 0, by_k, by_p)[:, 0]


def _draw_filtered(scores: Tensor, settings: Sequence[SamplingSettings], numbers: Tensor) -> Tensor:
    candidates = filtered_candidates(scores, settings)
    place = place_in_sum(candidates.weights, numbers)
    return candidates.tokens.gather(1, place[:, None])[:, 0]


def _draw_from_all(scores: Tensor, settings: Sequence[SamplingSettings], numbers: Tensor) -> Tensor:
    temperature = scores.new_tensor([[chosen.temperature] for chosen in settings])
    return place_in_sum(_weights(scores, temperature), numbers)


def place_in_sum(weights: Tensor, numbers: Tensor) -> Tensor:
    """Where the running sum of the weights [rows, width] passes the share `numbers` of it; [rows].

    It never stops at a weight of 0, since the sum does not grow there.
    """
    running = weights.cumsum(dim=-1)
    share = numbers[:, None] * running[:, -1:]
    place = torch.searchsorted(running, share, right=True)
    # Rounding may lift the share to the whole sum: then the first place that reaches it is meant.
    last = torch.searchsorted(running, running[:, -1:].contiguous())
    return torch.minimum(place, last)[:, 0]
