"""transformers `generate` on a static batch: all sequences of one length, in one dense cache."""

import time
from typing import Any

import torch
from transformers import DynamicCache, StoppingCriteria, StoppingCriteriaList

from duologue.model.loading import LoadedModel


class _TokenTimes(StoppingCriteria):
    """Never stops; notes when each token was done."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        self.times.append(time.perf_counter())
        return torch.zeros(len(input_ids), dtype=torch.bool)


class StaticGenerate:
    """`generate` with its ordinary cache, which already holds the context."""

    name = "generate"

    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    def prepare(self, sessions: int, context: int) -> None:
        geometry = self._model.geometry
        shape = (sessions, geometry.num_kv_heads, context, geometry.head_dim)
        self._cache = DynamicCache(config=self._model.network.config)
        for layer in range(geometry.num_layers):
            keys, values = (torch.randn(shape, dtype=self._model.dtype) for _ in range(2))
            self._cache.update(keys, values, layer)
        self._context = context
        self._tokens = torch.full((sessions, context + 1), 100)

    def step(self) -> float:
        """The time between the first and the second new token; `generate` starts up before."""
        times = _TokenTimes()
        self._model.network.generate(  # type: ignore[operator]
            input_ids=self._tokens,
            attention_mask=torch.ones_like(self._tokens),
            past_key_values=self._cache,
            max_new_tokens=2,
            do_sample=False,
            eos_token_id=-1,
            pad_token_id=0,
            stopping_criteria=StoppingCriteriaList([times]),
        )
        self._cache.crop(self._context - self._cache.get_seq_length())
        first, second = times.times
        return second - first

    def release(self) -> None:
        del self._cache

    def close(self) -> None:
        """Nothing is left to give back."""
