"""Sessions that only judge what the user says, while the caller answers with a model of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duologue_realtime.connection import Connection, Event, converse
from duologue_realtime.messages import item_of

INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody has said: the role is "user", "assistant" or "system"."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an utterance was found to be."""

    state: str
    """"query", "non_query", "incomplete" or "hold"."""
    probabilities: Mapping[str, float]
    """Of each state; empty where it was not read by the model, as of an echo."""

    @property
    def end_probability(self) -> float:
        """How likely it is that the user has finished, whether or not they want an answer."""
        if not self.probabilities:
            return float(self.state != INCOMPLETE)
        return 1.0 - self.probabilities.get(INCOMPLETE, 0.0)


async def listen(
    base_url: str,
    api_key: str,
    *,
    model: str = "default",
    instructions: str = "",
    turns: Sequence[Turn] = (),
    settings: Mapping[str, Any] | None = None,
) -> Connection:
    """Connect, with what was said before; `settings` are those of `session.duologue`.

    Raises Refused, OSError, or ConnectionClosed.
    """
    connection = await converse(base_url, api_key, model)
    session: Event = {"type": "realtime", "duologue": {**(settings or {}), "strategy": "listen"}}
    if instructions:
        session["instructions"] = instructions
    await connection.send({"type": "session.update", "session": session})
    for turn in turns:
        await connection.send(item_of({"role": turn.role, "content": turn.text}))
    return connection


def judgement_of(event: Event) -> Judgement:
    """What a `duologue.input_state` tells."""
    return Judgement(event["state"], event["probabilities"])


def said(text: str = "", *, is_end: bool = False) -> Event:
    """The event that tells what the caller's own assistant says, as it is heard."""
    return {"type": "duologue.assistant_said", "text": text, "is_end": is_end}
