"""What a client says to its session and what it is told, as plain frozen objects.

The names are those of the service's API, "input.append" being `InputAppend`; in one process the
objects themselves are handed over. They carry text, never tokens: tokens are the engine's matter.
A response is named by its number in the session, from 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from duologue.brevity import brief
from duologue.errors import DuologueError, InvalidInput
from duologue.lane.steps import EndReason
from duologue.session_config import SessionConfig
from duologue.speaker import FOR_CLIENTS
from duologue.states import State

# What the client says.


@dataclass(frozen=True, slots=True)
class InputAppend:
    """More of the user's text: it goes to the end of the named segment, which may be new."""

    segment_id: str
    text: str
    is_final: bool = False
    """No change to this segment will follow."""


@dataclass(frozen=True, slots=True)
class InputRevise:
    """Another text for a segment that is not final, as when speech recognition corrects itself."""

    segment_id: str
    text: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class InputCommit:
    """The user's turn is over for sure: the utterance is to be decided without further waiting."""


@dataclass(frozen=True, slots=True)
class PlaybackAck:
    """The user has heard (or read) so many characters of a response, counted from its start."""

    response_id: int
    heard_chars: int
    """In code points of the response's text. A later acknowledgement replaces an earlier one."""

    def __post_init__(self) -> None:
        if self.heard_chars < 0:
            raise InvalidInput(f"must be 0 or more, not {self.heard_chars}", field="heard_chars")


@dataclass(frozen=True, slots=True)
class ResponseCancel:
    """Stop a response; what was heard of it stays in the conversation."""

    response_id: int | None = None
    """None stops whichever is in progress. One that is over already is left as it is."""


@dataclass(frozen=True, slots=True)
class AssistantSaid:
    """What the assistant says in a session that only listens: the caller speaks, with a model of
    its own. It becomes part of the conversation when it is over or cut, as far as it was heard."""

    text: str = ""
    """More of the response, which may be told before it is spoken."""
    response_id: int | None = None
    """The number that `ResponseStarted` gave, or the next one for a response that nobody asked for.
    None stands for the one that is being said, or a new one if there is none."""
    is_end: bool = False
    """No more text of it will follow. Without any text before it: it will not be said."""
    heard_chars: int | None = None
    """How much of it was heard, as in `PlaybackAck`."""

    def __post_init__(self) -> None:
        if self.heard_chars is not None and self.heard_chars < 0:
            raise InvalidInput(f"must be 0 or more, not {self.heard_chars}", field="heard_chars")


@dataclass(frozen=True, slots=True)
class ContextAppend:
    """Something that the model is to know, and that nobody says here: a tool's result, a note, what
    was said on another channel. It joins the conversation behind the reply that is being given."""

    role: str
    """"user", "assistant", or "system" for what none of them says."""
    text: str
    """White space around it means nothing."""

    def __post_init__(self) -> None:
        if self.role not in FOR_CLIENTS:
            allowed = ", ".join(map(repr, map(str, FOR_CLIENTS)))
            raise InvalidInput(
                f"must be one of {allowed}, not {self.role!r}", field="context_append.role"
            )


@dataclass(frozen=True, slots=True)
class ResponseCreate:
    """Let the assistant speak unasked, at once or when it has said what it is saying."""

    instructions: str = ""
    """What it is to know or to heed; it stays in the conversation as a note."""
    text: str = ""
    """What it says, word for word; empty to let the model speak on."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call of a tool. It joins the conversation behind the reply that is being
    given; when all calls of a response have theirs, the assistant speaks on."""

    call_id: str
    """That of the `ToolCall`; each has one result."""
    output: str
    """White space around it means nothing; it may be empty."""
    is_silent: bool = False
    """Whether the assistant does not speak on because of it."""


@dataclass(frozen=True, slots=True)
class SessionUpdate:
    """From now on other settings, as far as they can change while a conversation goes on."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class SessionClose:
    """The conversation is over."""


ClientEvent = (
    InputAppend
    | InputRevise
    | InputCommit
    | PlaybackAck
    | ResponseCancel
    | AssistantSaid
    | ContextAppend
    | ResponseCreate
    | ToolResult
    | SessionUpdate
    | SessionClose
)

# What the client is told.


class StateReason(StrEnum):
    """What the state of an utterance was read from."""

    JUDGED = "judged"
    """The model's reading of it."""
    ECHO = "echo"
    """Its words: they are the assistant's own, come back."""
    GO_ON = "go_on"
    """Its words: a response that waits is to go on."""
    SILENCE = "silence"
    """Nobody went on with it, and the response that it fell into did."""
    LENGTH = "length"
    """Its length: it is settled in parts, of which this is one."""


@dataclass(frozen=True, slots=True)
class InputState:
    """How the engine judged the utterance so far. What was decided leaves it."""

    state: State
    probabilities: Mapping[State, float]
    """Of each state that the model's head knows."""
    text: str
    """The utterance that was judged."""
    segment_ids: tuple[str, ...]
    """The segments that it consists of."""
    look_ahead_tokens: int = 0
    """How many tokens past the end of the text the decision was found."""
    reason: StateReason = StateReason.JUDGED
    """What the state was read from."""
    is_foreign: bool = False
    """Whether it is surely in another language than English: it is not dropped, and marks and
    silence tell where it ends."""


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The assistant takes the floor: the first text of a response follows.

    To a session that only listens: the caller's assistant has the floor, or has taken it.
    """

    response_id: int


@dataclass(frozen=True, slots=True)
class ResponseDelta:
    """More of a response's text, in whole grapheme clusters."""

    response_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """A response is complete; no text of it will follow, unless it was interrupted and resumes."""

    response_id: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The user cut a response off; the player should fall silent now."""

    response_id: int
    heard_chars: int
    """How much of the response stays in the conversation."""


@dataclass(frozen=True, slots=True)
class ResponsePaused:
    """A response falls silent, and the player with it: the user may be taking the floor, or asks
    for silence. `ResponseResumed` or `Interrupted` follows, at whatever time."""

    response_id: int


@dataclass(frozen=True, slots=True)
class ResponseResumed:
    """What the user said needed no answer; the response goes on where it was."""

    response_id: int
    from_chars: int
    """From this place in its text on: what was cut off by an `Interrupted` is given again."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls a tool, which the client is to run: once, whatever happens to the connection,
    to the session's processes or to the rest of the response. It will not be taken back."""

    call_id: str
    """Names it in the session; the `ToolResult` is to carry it."""
    response_id: int
    name: str
    """One of the session's tools."""
    arguments: str
    """A JSON object as the model wrote it; that it keeps to the tool's schema was not checked."""


@dataclass(frozen=True, slots=True)
class ContextTrimmed:
    """The conversation outgrew the model's context, so its oldest turns were forgotten."""

    dropped_turns: int


@dataclass(frozen=True, slots=True)
class Error:
    """A client event could not be followed, and the conversation is as it was before it; or the
    model said something that cannot be."""

    code: str
    """What kind of thing went wrong, for programs: the `code` of a kind of DuologueError."""
    message: str
    field: str = ""
    """The field that is to be mended, if it is one."""

    @classmethod
    def of(cls, error: DuologueError) -> "Error":
        """The event that tells of a deliberate error."""
        field = error.field if isinstance(error, InvalidInput) else ""
        return cls(error.code, brief(str(error)), brief(field))


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The session is closed; no event will follow."""


ServerEvent = (
    InputState
    | ResponseStarted
    | ResponseDelta
    | ResponseDone
    | Interrupted
    | ResponsePaused
    | ResponseResumed
    | ToolCall
    | ContextTrimmed
    | Error
    | SessionClosed
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A server event with its place in the session's story."""

    server_seq: int
    """Counts the session's events from 1 without gaps; a client resumes behind the last it saw."""
    tick: int
    """The tick of the shared clock in which it happened."""
    epoch: int
    """Under which ownership of the session it happened."""
    event: ServerEvent

    def __post_init__(self) -> None:
        assert self.server_seq >= 1, f"server_seq starts at 1, not {self.server_seq}"
