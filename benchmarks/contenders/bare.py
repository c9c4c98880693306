"""The model alone: body and head on as many rows, each its own sequence of one token."""

import time

import torch

from duologue.model.loading import LoadedModel


class Bare:
    """What the rows cost without any context. Listening, half the rows need no head."""

    def __init__(self, model: LoadedModel, *, listens: bool) -> None:
        self.name = "bare, listening" if listens else "bare"
        self._model = model
        self._rows_per_session = 2 if listens else 1

    def prepare(self, sessions: int, context: int) -> None:
        rows = sessions * self._rows_per_session
        self._sessions = sessions
        self._tokens = torch.arange(100, 100 + rows)[:, None]  # [rows, 1]
        self._positions = torch.full((rows, 1), context)

    @torch.inference_mode()
    def step(self) -> float:
        started = time.perf_counter()
        body = self._model.network.base_model(
            input_ids=self._tokens, position_ids=self._positions, use_cache=False
        )
        head = self._model.network.get_output_embeddings()
        head(body.last_hidden_state[: self._sessions])
        return time.perf_counter() - started

    def release(self) -> None:
        """It holds nothing."""

    def close(self) -> None:
        """Nothing is left to give back."""
