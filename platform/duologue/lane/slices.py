"""A slice: one session's work for one tick, as it is asked for and as it is reported."""

from dataclasses import dataclass, field

from duologue.errors import DuologueError
from duologue.lane.judging import Judgement, JudgingPatience
from duologue.lane.steps import EndReason, Note, Step
from duologue.text.token_edit import TokenEdit


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of a reply the user has heard: `keep` whole tokens, then the tokens of the rest."""

    keep: int
    tail: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """What a session wants done in a tick."""

    session_id: str
    epoch: int
    tick: int
    reopens: bool = False
    """First take the last utterance back from the trunk: it was answered too early."""
    amends: Heard | None = None
    """How much the user had really heard of the reply that the last query cut."""
    begins: bool = False
    """Then let a reply begin that no utterance asked for."""
    given: tuple[int, ...] = ()
    """What the reply that begins, or goes on, is to say from here on, to its end, and not what the
    model would."""
    edit: TokenEdit | None = None
    """How the utterance changed since the last slice."""
    patience: JudgingPatience = JudgingPatience.NORMAL
    heard: Heard | None = None
    """What the user has heard of the reply, if there is one: what stays when a query cuts it."""
    conclude: EndReason | None = None
    """End the reply now, at `heard`."""
    holds_reply: bool = False
    """Keep a finished reply in its channel until a later slice concludes it."""
    sets_aside: bool = False
    """Keep a reply that a query cuts, so that it can go on if that was a mistake."""
    pauses: bool = False
    """The reply in the output channel does not go on in this slice; a new one may begin."""
    keeps: bool = False
    """The utterance is within a dictation, or foreign: it is not to be found a non-query."""
    was_query: bool = False
    """It was found a query before more was said: it is found a non-query only for sure."""
    settles: bool = False
    """The utterance joins the trunk as it is, without an answer: it is too long to wait for its
    end."""
    notes: tuple[Note, ...] = ()
    """What is to join the trunk: at once if there is no reply, or where a query cuts it."""
    returns_early: bool = False
    """End as soon as a reply that begins in this slice has something to show."""
    reply_tokens: int = 4
    """Tokens that are said in this slice at the most."""
    look_ahead_tokens: int = 0


class SliceBroken(DuologueError):
    """A slice failed in a way that nobody foresaw: what became of its lane is not known."""


@dataclass(frozen=True, slots=True)
class SliceResult:
    """What came of a slice."""

    session_id: str
    epoch: int
    tick: int
    steps: tuple[Step, ...]
    """All that changed the lane, in order: what the journal records."""
    judgement: Judgement | None = None
    num_forwards: int = 0
    num_rows: int = 0
    error: DuologueError | None = None
    """Why the slice ended early; the steps before it hold."""
    took_ms: float = field(default=0.0, compare=False)
    """From coming in at the batching actor to being done there; not written down."""
    source: bytes = field(default=b"", compare=False, repr=False)
    """The result as it came, if it came as bytes: so it is written down."""
