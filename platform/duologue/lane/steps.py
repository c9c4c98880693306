"""The steps of a conversation: whatever changes a lane is one of these.

The journal is the list of a session's steps. Applied to a fresh lane, in order, they give the
lane again, token for token; its cells follow from the tokens.
"""

from dataclasses import dataclass
from enum import StrEnum

from duologue.speaker import Speaker


class Promotion(StrEnum):
    """What becomes of a reply that a query cuts off."""

    BRANCH = "branch"
    """It leaves the context. Cells are only relabelled (the paper's way)."""

    REBASE = "rebase"
    """What the user heard of it stays; the query is computed anew behind it."""


@dataclass(frozen=True, slots=True)
class Hear:
    """The utterance changed: its first `keep` tokens stay, then come `append`."""

    keep: int
    append: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ignore:
    """The utterance was not a query: it leaves as if it had never been said."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something joins the trunk that nobody has said just now: an earlier turn, a tool's result.

    There is no reply then. What stands before it can no longer be reopened.
    """

    speaker: Speaker
    tokens: tuple[int, ...]
    is_turn: bool = True
    """Whether it is a turn of its own, and not more of the last one."""


@dataclass(frozen=True, slots=True)
class Promote:
    """The utterance is complete and joins the trunk; with `answer`, a new reply begins.

    A reply that was still in the output channel is cut: of its tokens the user heard the first
    `keep` and then `tail`, the tokens of a text that ended inside the next one. With `aside_tokens`
    so many tokens of it are set aside, so that a `Reopen` can let it go on behind them.
    """

    policy: Promotion
    keep: int = 0
    tail: tuple[int, ...] = ()
    answer: bool = True
    aside_tokens: int | None = None
    aside_is_finished: bool = False
    """Whether the reply had been generated to its end."""
    notes: tuple[Note, ...] = ()
    """They join the trunk between that reply and the utterance, and leave it with a `Reopen` that
    lets the reply go on."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """The utterance that joined the trunk last goes on after all: it returns to the input channel.

    What followed it, a reply that had begun too early, leaves as if it had never been said. A reply
    that was set aside for that utterance is in the output channel again, as it was.
    """


@dataclass(frozen=True, slots=True)
class Amend:
    """Of the reply that was set aside, the user had heard `keep` tokens and then `tail` after all.

    The trunk keeps that much of it; what follows there is computed anew behind it.
    """

    keep: int
    tail: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Begin:
    """A reply begins that no utterance asked for."""

    is_turn: bool
    """Whether it is a turn of its own, and not more of the last one; then nothing before it can be
    reopened."""


@dataclass(frozen=True, slots=True)
class Say:
    """The reply goes on with these tokens."""

    tokens: tuple[int, ...]


class EndReason(StrEnum):
    """Why a reply ended."""

    STOP = "stop"
    """The model said that it was done."""

    LENGTH = "length"
    """It reached the longest reply allowed, or the end of the context."""

    STOP_STRING = "stop_string"
    """It came to one of the session's stop strings."""

    CANCELLED = "cancelled"
    """The caller cancelled it."""

    INTERRUPTED = "interrupted"
    """The user cut in."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The reply has been generated to its end. It stays in its channel until it was heard."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class Conclude:
    """The reply is over: its first `keep` tokens and then `tail` join the trunk."""

    keep: int
    tail: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Trim:
    """The oldest `turns` turns leave the trunk; what stands before the first turn stays."""

    turns: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Time division: what was said so far joins the one sequence, so that input can follow it."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Time division: the input joins the one sequence, and the reply goes on behind it."""

    is_decided: bool = False
    """Whether the utterance ends with it; otherwise more of it may come."""


Step = (
    Hear
    | Ignore
    | Promote
    | Reopen
    | Amend
    | Note
    | Begin
    | Say
    | Finish
    | Conclude
    | Trim
    | Pause
    | Resume
)
