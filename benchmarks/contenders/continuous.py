"""transformers continuous batching: paged cache, ragged batches, one token per step."""

import time
from typing import Any

from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from duologue.model.loading import LoadedModel

PAGE_TOKENS = 32
"""Small, since whole pages are shared; on a CPU cells are read one by one, whatever their page."""

PREFILL_TOKENS = 512
LASTING_TOKENS = 100_000


class ContinuousBatching:
    """The manager of transformers, its loop taken step by step in this thread.

    All sessions share their context's pages, which saves the prefill; reading them costs the same.
    """

    name = "continuous batching"

    def __init__(self, model: LoadedModel) -> None:
        self._network: Any = model.network

    def prepare(self, sessions: int, context: int) -> None:
        pages = (context // PAGE_TOKENS + 2) * (sessions + 2)
        self._manager = self._network.init_continuous_batching(
            generation_config=GenerationConfig(do_sample=False, eos_token_id=-1),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=PAGE_TOKENS,
                num_blocks=pages,
                max_batch_tokens=PREFILL_TOKENS,
                auto_switch_to_flash=False,
            ),
        )
        self._processor = self._manager._create_batch_processor()
        self._manager.batch_processor, self._manager.current_batch = self._processor, 0
        prompt = [100 + token % 1000 for token in range(context)]
        self._add(prompt)
        self._settle(context)
        for _ in range(sessions - 1):
            self._add(prompt)
        self._settle(context)
        assert len(self._processor.scheduler.active_requests) == sessions

    def _add(self, prompt: list[int]) -> None:
        self._manager.add_request(prompt, max_new_tokens=LASTING_TOKENS)

    def _settle(self, context: int) -> None:
        """Step until nothing waits and everything that was added has begun to decode."""
        while True:
            self._advance()
            scheduler = self._processor.scheduler
            active = list(scheduler.active_requests.values())
            if not scheduler.waiting_requests and all(s.generated_len() > 0 for s in active):
                return

    def step(self) -> float:
        started = time.perf_counter()
        self._advance()
        return time.perf_counter() - started

    def _advance(self) -> None:
        # What the manager's own thread does in its loop; a public call for one step does not exist.
        self._manager._generation_loop_body(self._processor, bootstrapping=False)

    def release(self) -> None:
        del self._manager, self._processor

    def close(self) -> None:
        """Nothing is left to give back."""
