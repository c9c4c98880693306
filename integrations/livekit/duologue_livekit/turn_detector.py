"""A turn detector for LiveKit: has the user finished, by what they have said?"""

import asyncio
from typing import Any, Self

from livekit.agents import LanguageCode, llm

from duologue_livekit.context import last_utterance, said_in
from duologue_realtime import TurnJudge

TIMEOUT_S = 3.0


class TurnDetector:
    """For `turn_handling={"turn_detection": TurnDetector(...)}`, beside any other model.

    It asks a session that only listens, which follows the conversation as LiveKit tells it. It has
    no opinion in languages other than English.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str = "default",
        unlikely_threshold: float = 0.5,
    ) -> None:
        """Below `unlikely_threshold` LiveKit waits for `max_delay`, above it for `min_delay`."""
        self._model = model
        self._threshold = unlikely_threshold
        self._judge = TurnJudge(base_url, api_key, model=model)

    @property
    def model(self) -> str:
        return self._model

    @property
    def provider(self) -> str:
        return "duologue"

    async def unlikely_threshold(self, language: LanguageCode | None) -> float | None:
        return self._threshold if _is_known(language) else None

    async def supports_language(self, language: LanguageCode | None) -> bool:
        return _is_known(language)

    async def predict_end_of_turn(
        self, chat_ctx: llm.ChatContext, *, timeout: float | None = None
    ) -> float:
        """How likely it is that the user has finished. Raises what LiveKit passes over: without an
        answer the turn ends after `min_delay`."""
        turns, utterance = last_utterance(
            [each for each in said_in(chat_ctx) if each.turn.role != "system"]
        )
        if not utterance:
            return 1.0
        async with asyncio.timeout(TIMEOUT_S if timeout is None else timeout):
            judgement = await self._judge.judge(turns, utterance)
        return judgement.end_probability

    async def aclose(self) -> None:
        await self._judge.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.aclose()


def _is_known(language: LanguageCode | None) -> bool:
    return language is None or not language or language.language in ("en", "multi")
