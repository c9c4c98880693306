"""A Duologue platform's Realtime door from asyncio: what plug-ins for other frameworks share."""

from duologue_realtime.connection import Connection, ConnectionClosed, Event, Refused, converse
from duologue_realtime.heard_text import HeardText
from duologue_realtime.listening import Judgement, Turn, judgement_of, listen, said
from duologue_realtime.messages import item_of
from duologue_realtime.turn_judge import TurnJudge
from duologue_realtime.utterances import Utterances

__all__ = [
    "Connection",
    "ConnectionClosed",
    "Event",
    "HeardText",
    "Judgement",
    "Refused",
    "Turn",
    "TurnJudge",
    "Utterances",
    "converse",
    "item_of",
    "judgement_of",
    "listen",
    "said",
]
