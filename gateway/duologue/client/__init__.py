"""The client: conversations with a Duologue service, from Python.

async with connect("127.0.0.1:50051", api_key=key) as client, client.converse() as conversation:
    await conversation.say("What is the capital of Portugal?")
    async for event in conversation:
        match event:
            case ResponseDelta(text=text):
                print(text, end="")
            case ResponseDone():
                break
"""

from duologue.client.admin import AdminClient
from duologue.client.client import Client, connect
from duologue.client.conversation import Conversation
from duologue.client.errors import (
    ClientError,
    EventsLost,
    GaveUp,
    InvalidRequest,
    LimitReached,
    NoRoom,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    SendBufferFull,
    ServiceFault,
    SessionNotFound,
    SessionOver,
    SessionTaken,
    Unauthenticated,
    Unreachable,
    UsedElsewhere,
)
from duologue.client.link import LinkStats, Phase
from duologue.client.options import ClientOptions, Timing
from duologue.client.patience import Patience
from duologue.events import (
    ContextTrimmed,
    Envelope,
    Error,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    SessionClosed,
    StateReason,
    ToolCall,
)
from duologue.history import EarlierTurn
from duologue.notices import (
    Backpressure,
    GoAway,
    Notice,
    Queued,
    QuotaReached,
    SessionMoved,
    SessionReady,
)
from duologue.session_config import SessionConfig
from duologue.told import ConnectionLost, Event, Told
from duologue.tools import Tool
from duologue.usage import Usage

__all__ = [
    "AdminClient",
    "Backpressure",
    "Client",
    "ClientError",
    "ClientOptions",
    "ConnectionLost",
    "ContextTrimmed",
    "Conversation",
    "EarlierTurn",
    "Envelope",
    "Error",
    "Event",
    "EventsLost",
    "GaveUp",
    "GoAway",
    "InputState",
    "Interrupted",
    "InvalidRequest",
    "LimitReached",
    "LinkStats",
    "NoRoom",
    "NotFound",
    "Notice",
    "Patience",
    "PermissionDenied",
    "Phase",
    "Queued",
    "QuotaExceeded",
    "QuotaReached",
    "ResponseDelta",
    "ResponseDone",
    "ResponsePaused",
    "ResponseResumed",
    "ResponseStarted",
    "SendBufferFull",
    "ServiceFault",
    "SessionClosed",
    "SessionConfig",
    "SessionMoved",
    "SessionNotFound",
    "SessionOver",
    "SessionReady",
    "SessionTaken",
    "StateReason",
    "Timing",
    "Told",
    "Tool",
    "ToolCall",
    "Unauthenticated",
    "Unreachable",
    "Usage",
    "UsedElsewhere",
    "connect",
]
