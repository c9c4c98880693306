"""How close one computation of a model is to another, token by token."""

from collections.abc import Sequence

import torch
from torch import Tensor

from duologue.forward.merged import MergedForward
from duologue.forward.rows import Stretch
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.model.loading import LoadedModel

BUDGET_BYTES = 1 << 30


class Reader:
    """Reads texts with a model's kernels; the model is packed."""

    def __init__(self, model: LoadedModel) -> None:
        self._memory = KVMemory(model.geometry, budget_bytes=BUDGET_BYTES, dtype=model.dtype)
        kernels = model.kernels.kernels
        self._forward = MergedForward(model.network, self._memory, kernels=kernels)

    def log_probabilities(self, tokens: Sequence[int]) -> Tensor:
        """Of what follows each token, float32 [tokens, vocabulary]."""
        slot, _ = self._memory.open()
        cells = self._memory.take(slot, len(tokens))
        stretches = [
            Stretch(slot, Channel.TRUNK, [token], [cell], place, True, False)
            for place, (token, cell) in enumerate(zip(tokens, cells, strict=True))
        ]
        logits = self._forward.run(stretches).logits
        self._memory.close(slot)
        return logits.float().log_softmax(dim=-1)


class Closeness:
    """Counts over many texts."""

    def __init__(self) -> None:
        self.num_tokens = 0
        self._agreeing = self._diverging = self._surprise = 0.0

    def add(self, truth: Tensor, found: Tensor, tokens: Sequence[int], first: int) -> None:
        """Both are logarithms of probabilities [tokens, vocabulary]; counts from a token on."""
        truth, found = truth[first - 1 : -1], found[first - 1 : -1]
        following = torch.tensor(tokens[first:])
        self.num_tokens += len(following)
        self._agreeing += float((truth.argmax(dim=1) == found.argmax(dim=1)).sum())
        self._diverging += float((truth.exp() * (truth - found)).sum())
        self._surprise -= float(found.gather(1, following[:, None]).sum())

    @property
    def agreement(self) -> float:
        """How often the likeliest token is the same."""
        return self._agreeing / self.num_tokens

    @property
    def divergence(self) -> float:
        """Kullback-Leibler, a token's mean in nats."""
        return self._diverging / self.num_tokens

    @property
    def negative_log_likelihood(self) -> float:
        """Of the texts, a token's mean in nats."""
        return self._surprise / self.num_tokens
