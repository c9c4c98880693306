"""Whether the user has finished, for callers that tell the whole conversation each time."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from duologue_realtime.connection import Connection, ConnectionClosed, Event
from duologue_realtime.listening import Judgement, Turn, judgement_of, listen, said
from duologue_realtime.utterances import APPEND, COMMIT, REVISE

MAX_TURNS_TOLD = 16
"""Of the earlier ones, when a session begins: what was said long ago does not tell."""


class TurnJudge:
    """Keeps one session for a conversation as long as that only grows, and begins another one when
    something else has changed in it. One question is asked at a time."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        model: str = "default",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._where = base_url, api_key
        self._model = model
        self._settings = settings
        self._lock = asyncio.Lock()
        self._connection: Connection | None = None
        self._turns: list[Turn] = []
        """What the session knows of earlier turns."""
        self._utterance = ""
        """What the session has heard of the present one."""
        self._num_segments = 0
        self._last: Judgement | None = None

    async def judge(self, turns: Sequence[Turn], utterance: str) -> Judgement:
        """What `utterance` is behind `turns`. Raises what `listen` does, and RuntimeError where the
        platform refuses something."""
        async with self._lock:
            try:
                return await self._judge(turns, utterance)
            except BaseException:  # a cancelled question, too: nobody knows what was told
                await self._leave()
                raise

    async def close(self) -> None:
        async with self._lock:
            await self._leave()

    async def _judge(self, turns: Sequence[Turn], utterance: str) -> Judgement:
        if self._connection is not None and self._last is not None:
            if self._is_known(turns, utterance):
                return self._last
            events = self._going_on(turns, utterance)
            if events is not None:
                try:
                    return await self._ask(self._connection, events, turns, utterance)
                except ConnectionClosed:
                    pass  # in the meantime: another one knows as much
        await self._leave()
        base_url, api_key = self._where
        latest = turns[-MAX_TURNS_TOLD:]
        self._connection = await listen(
            base_url, api_key, model=self._model, turns=latest, settings=self._settings
        )
        return await self._ask(self._connection, [self._append(utterance)], turns, utterance)

    def _is_known(self, turns: Sequence[Turn], utterance: str) -> bool:
        return list(turns) == self._turns and _bare(utterance) == _bare(self._utterance)

    def _going_on(self, turns: Sequence[Turn], utterance: str) -> list[Event] | None:
        """What the session is to be told; None if it cannot become that conversation."""
        if list(turns) == self._turns:
            return [self._more(utterance)]
        known = [*self._turns, Turn("user", self._utterance)]
        new = turns[len(known) :]
        is_same = [_bare_turn(turn) for turn in turns[: len(known)]] == list(map(_bare_turn, known))
        if not is_same or any(turn.role != "assistant" for turn in new):
            return None
        answers = [said(turn.text, is_end=True) for turn in new]
        return [{"type": COMMIT}, *answers, self._append(utterance)]

    def _more(self, utterance: str) -> Event:
        if utterance.startswith(self._utterance):
            text = utterance[len(self._utterance) :]
            return {"type": APPEND, "segment_id": self._segment_id, "text": text}
        return {"type": REVISE, "segment_id": self._segment_id, "text": utterance}

    def _append(self, utterance: str) -> Event:
        self._num_segments += 1
        return {"type": APPEND, "segment_id": self._segment_id, "text": utterance}

    @property
    def _segment_id(self) -> str:
        return f"turn-{self._num_segments}"

    async def _ask(
        self, connection: Connection, events: Sequence[Event], turns: Sequence[Turn], utterance: str
    ) -> Judgement:
        for event in events:
            await connection.send(event)
        self._turns, self._utterance = list(turns), utterance
        async for event in connection.events():
            if event["type"] == "error":
                raise RuntimeError(f"Duologue: {event['error']['message']}")
            if event["type"] == "duologue.input_state" and _is_of(event["text"], utterance):
                self._last = judgement_of(event)
                return self._last
        raise RuntimeError("the platform has closed the session")

    async def _leave(self) -> None:
        connection, self._connection, self._last = self._connection, None, None
        if connection is not None:
            await connection.close()


def _is_of(judged: str, utterance: str) -> bool:
    """Whether it is what was asked, or all of it that was not decided before."""
    judged, utterance = _bare(judged), _bare(utterance)
    return judged.endswith(utterance) or (bool(judged) and utterance.endswith(judged))


def _bare_turn(turn: Turn) -> tuple[str, str]:
    return turn.role, _bare(turn.text)


def _bare(text: str) -> str:
    return "".join(text.split())
