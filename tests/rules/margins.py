"""How close a choice was: by how little logits or probabilities could move and turn it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from duologue.forward.draws import uniform
from duologue.forward.sampling import filtered_candidates, penalize
from duologue.forward.sampling_settings import SamplingSettings


def token_margin(
    logits: Tensor, settings: SamplingSettings, draw: tuple[int, int], history: Sequence[int]
) -> float:
    """What every logit [vocab] may move, relative to the largest, without another token coming out.

    A little less than that: it is the bound that holds however they move.
    """
    scores = penalize(logits[None].float(), [settings], [history])[0].double()
    penalty = settings.repetition_penalty
    # Penalized scores move further than logits do.
    size = float(logits.abs().max()) * max(penalty, 1 / penalty)
    if settings.is_greedy:
        best = scores.topk(2).values
        return float(best[0] - best[1]) / 2 / size
    number = uniform(settings.seed, *draw)
    # Scores that move by d move a share of the weights by at most d / 2 temperatures.
    by_share = 2 * settings.temperature * _share_margin(scores, settings, number)
    return min(by_share, _rank_margin(scores, settings, number) / 2) / size


def _kept(scores: Tensor, settings: SamplingSettings) -> tuple[Tensor, Tensor]:
    """Tokens in the order in which they are drawn, and their shares, without those ruled out."""
    if settings.has_filter:
        candidates = filtered_candidates(scores[None], [settings])
        tokens, weights = candidates.tokens[0], candidates.weights[0]
    else:
        tokens = torch.arange(len(scores))
        weights = ((scores - scores.max()) / settings.temperature).exp()
    is_kept = weights > 0
    return tokens[is_kept], weights[is_kept] / weights.sum()


def _share_margin(scores: Tensor, settings: SamplingSettings, number: float) -> float:
    """From the random number to the next edge between tokens, and from top-p to where it cuts."""
    _, shares = _kept(scores, settings)
    edges = shares.cumsum(0)[:-1]
    margins = [float((edges - number).abs().min())] if len(edges) else [1.0]
    if settings.top_p < 1:
        whole = SamplingSettings(temperature=settings.temperature, top_k=settings.top_k)
        _, before_cut = _kept(scores, whole)
        reached = before_cut.sort(descending=True).values.cumsum(0)
        margins.append(float((reached - settings.top_p).abs().min()))
    return min(margins)


def _rank_margin(scores: Tensor, settings: SamplingSettings, number: float) -> float:
    """From the drawn token to its neighbours in rank, and between the last of top-k and the next.

    Filtered tokens are drawn from in the order of their rank: who changes places with the neighbour
    changes the token that a random number means.
    """
    if not settings.has_filter:
        return float("inf")
    tokens, shares = _kept(scores, settings)
    place = min(int((shares.cumsum(0) <= number).sum()), len(tokens) - 1)
    ranked = scores[tokens]
    gaps = ranked[:-1] - ranked[1:]
    margins = gaps[max(place - 1, 0) : place + 1].tolist()
    if 0 < settings.top_k < len(scores):
        last, beyond = scores.topk(settings.top_k + 1).values[-2:].tolist()
        margins.append(last - beyond)
    return min(margins, default=float("inf"))
