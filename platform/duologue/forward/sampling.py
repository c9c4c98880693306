"""The choice of the next tokens, for all rows of a forward at once.

Full sorting of a large vocabulary takes longer than the forward of a small model. So rows without a
filter are not sorted, and others only as far as the `NARROW` likeliest tokens, if these are enough.
Which way a row goes depends on that row alone, and so does its token. Nothing here asks the device
for anything but `Choice.settle`: a device has then chosen all tokens by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from duologue.forward.sampling_rows import SamplingColumns, SamplingTensors, TokenRequests
from duologue.forward.sampling_settings import SamplingSettings

__all__ = [
    "NARROW",
    "Candidates",
    "Choice",
    "SamplingSettings",
    "choose",
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

    def draw(self, numbers: Tensor) -> Tensor:
        """One token per row, by its random number; [rows]."""
        place = place_in_sum(self.weights, numbers)
        return self.tokens.gather(1, place[:, None])[:, 0]


@dataclass(frozen=True, slots=True)
class Choice:
    """Chosen tokens, still on the device."""

    tokens: Tensor  # [rows]
    unsure: Tensor  # bool [filtered rows]: the NARROW likeliest tokens were not enough
    scores: Tensor  # [rows, vocab]
    rows: SamplingTensors

    def settle(self, unsure: Sequence[int]) -> Tensor:
        """The tokens, with those of the filtered rows in these places drawn from all that pass."""
        if unsure:
            places = torch.tensor(unsure, device=self.tokens.device)
            rows = self.rows.filtered[places].long()
            scores, limits = self.scores[rows], _Limits.of_rows(self.rows, rows)
            totals = _weights(scores, limits.temperature).sum(dim=-1)
            self.tokens[rows] = _wide(scores, totals, limits).draw(self.rows.number[rows])
        return self.tokens


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
    assert logits.dim() == 2, f"logits must be [rows, vocab], not {tuple(logits.shape)}"
    assert logits.shape[0] == len(settings), "one of each per row"
    requests = TokenRequests(settings, draws, history)
    if not settings:
        return []
    choice = choose(logits, SamplingColumns(requests, logits.shape[1]).on(logits.device))
    unsure = choice.unsure.nonzero().flatten().tolist()
    return [int(token) for token in choice.settle(unsure).tolist()]


def choose(logits: Tensor, rows: SamplingTensors) -> Choice:
    """Choose one token per row of `logits` [rows, vocab], on their device."""
    # Also for the likeliest token alone: float32 is searched several times faster than bfloat16.
    scores = _penalized(logits.float(), rows)
    tokens = scores.argmax(dim=-1)
    unsure = scores.new_empty(0, dtype=torch.bool)
    if len(rows.plain):
        place = rows.plain.long()
        theirs = scores if len(place) == len(scores) else scores[place]
        weights = _weights(theirs, rows.temperature[place][:, None])
        tokens[place] = place_in_sum(weights, rows.number[place])
    if len(rows.filtered):
        place = rows.filtered.long()
        theirs = scores if len(place) == len(scores) else scores[place]
        limits = _Limits.of_rows(rows, place)
        candidates, is_enough = _narrow(theirs, _totals(theirs, limits, rows.unlimited), limits)
        tokens[place] = candidates.draw(rows.number[place])
        unsure = ~is_enough
    return Choice(tokens, unsure, scores, rows)


def penalize(
    scores: Tensor, settings: Sequence[SamplingSettings], history: Sequence[Sequence[int]]
) -> Tensor:
    """Scores [rows, vocab] with the repetition penalties; the same tensor if there are none."""
    requests = TokenRequests(settings, [(0, 0)] * len(settings), history)
    return _penalized(scores, SamplingColumns(requests, scores.shape[1]).on(scores.device))


def filtered_candidates(scores: Tensor, settings: Sequence[SamplingSettings]) -> Candidates:
    """What top-k and top-p leave of scores [rows, vocab], for rows whose temperature is not 0."""
    nothing: list[tuple[()]] = [()] * len(settings)
    requests = TokenRequests(settings, [(0, 0)] * len(settings), nothing)
    rows = SamplingColumns(requests, scores.shape[1]).on(scores.device)
    limits = _Limits.of_rows(rows, torch.arange(len(settings), device=scores.device))
    totals = _weights(scores, limits.temperature).sum(dim=-1)
    candidates, is_enough = _narrow(scores, totals, limits)
    wide_rows = torch.nonzero(~is_enough).flatten()
    if len(wide_rows) == 0:
        return candidates
    missing = scores.shape[1] - candidates.tokens.shape[1]
    tokens = torch.nn.functional.pad(candidates.tokens, (0, missing))
    weights = torch.nn.functional.pad(candidates.weights, (0, missing))
    wide = _wide(scores[wide_rows], totals[wide_rows], limits.of(wide_rows))
    tokens[wide_rows], weights[wide_rows] = wide.tokens, wide.weights
    return Candidates(tokens, weights)


@dataclass(frozen=True, slots=True)
class _Limits:
    """The settings of several rows as tensors [rows, 1]; `top_k` 0 means all tokens."""

    temperature: Tensor
    top_k: Tensor
    top_p: Tensor

    @classmethod
    def of_rows(cls, rows: SamplingTensors, place: Tensor) -> "_Limits":
        columns = (rows.temperature, rows.top_k.long(), rows.top_p)
        return cls(*(column[place][:, None] for column in columns))

    def of(self, place: Tensor) -> "_Limits":
        return _Limits(self.temperature[place], self.top_k[place], self.top_p[place])


def _penalized(scores: Tensor, rows: SamplingTensors) -> Tensor:
    if len(rows.said_row) == 0:
        return scores
    row_of, token_of = rows.said_row.long(), rows.said_token.long()
    before = scores[row_of, token_of]  # [said tokens], the same value wherever one is repeated
    penalty = rows.said_penalty
    penalized = scores.clone()
    penalized[row_of, token_of] = torch.where(before < 0, before * penalty, before / penalty)
    return penalized


def _weights(scores: Tensor, temperature: Tensor) -> Tensor:
    """Probabilities but for a factor per row; the likeliest token weighs 1."""
    # In place where it can be: fresh memory of this size costs as much as the arithmetic.
    return (scores - scores.amax(dim=-1, keepdim=True)).div_(temperature).exp_()


def _totals(scores: Tensor, limits: _Limits, unlimited: Tensor) -> Tensor:
    """The weights of the whole vocabulary together, [rows]; 0 for rows with top-k, unused there."""
    if len(unlimited) == len(scores):
        return _weights(scores, limits.temperature).sum(dim=-1)
    totals = scores.new_zeros(scores.shape[0])
    if len(unlimited):
        place = unlimited.long()
        totals[place] = _weights(scores[place], limits.temperature[place]).sum(dim=-1)
    return totals


def _narrow(scores: Tensor, totals: Tensor, limits: _Limits) -> tuple[Candidates, Tensor]:
    """What the limits leave of the likeliest tokens, and for which rows that is all; bool [rows].

    `totals` [rows] are the weights of the whole vocabulary.
    """
    width = min(NARROW, scores.shape[1])
    ranked, tokens = scores.topk(width, dim=-1)  # [rows, width]
    candidates = Candidates(tokens, _filter(ranked, totals, limits))
    if width == scores.shape[1]:
        return candidates, torch.ones_like(totals, dtype=torch.bool)
    return candidates, _is_enough(ranked, totals, limits)


def _wide(scores: Tensor, totals: Tensor, limits: _Limits) -> Candidates:
    """What the limits leave of all tokens."""
    ranked, tokens = scores.sort(dim=-1, descending=True, stable=True)
    return Candidates(tokens, _filter(ranked, totals, limits))


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
