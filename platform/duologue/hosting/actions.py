"""What the host of a session wants done; whoever runs it does so and reports back."""

from dataclasses import dataclass
from enum import StrEnum

from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice
from duologue.lane.state import LaneState
from duologue.notices import Notice
from duologue.session.chronicle import Checkpoint, JournalEntry
from duologue.strategies.base import Strategy


@dataclass(frozen=True, slots=True)
class FindSeat:
    """Give up the present seat, if there is one, and take another: `Host.seated` reports it."""

    strategy: Strategy
    lane: LaneState
    profile: LaneProfile


@dataclass(frozen=True, slots=True)
class Adjust:
    """Tell the seat the session's new ways, before the next slice."""

    profile: LaneProfile


@dataclass(frozen=True, slots=True)
class Submit:
    """Hand a slice in; `Host.absorb` takes its result, `Host.unseated` that there will be none."""

    work: Slice


@dataclass(frozen=True, slots=True)
class Write:
    """Append to the journal; `Host.kept` reports it. One write is under way at most."""

    entry: JournalEntry


@dataclass(frozen=True, slots=True)
class Keep:
    """Put a checkpoint in the place of the journal so far; `Host.kept` reports it too."""

    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Show:
    """There are events to show, up to this one."""

    server_seq: int


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the attached client something about its connection, behind this event."""

    notice: Notice
    after_seq: int


@dataclass(frozen=True, slots=True)
class AskTokens:
    """Ask for more reply tokens of the tenant's: `Host.rationed` takes the answer."""


class EndOfHosting(StrEnum):
    """Why a host gives its session up."""

    CLOSED = "closed"
    """The conversation is over."""
    ASLEEP = "asleep"
    """Nobody said anything for long; the next input wakes it."""
    MOVING = "moving"
    """It is to be brought to life again at once, here or elsewhere."""
    OVERTAKEN = "overtaken"
    """Somebody else holds it already, under a higher epoch."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The session is no longer held here. The last action."""

    ending: EndOfHosting
    reason: str
    """For people."""


Action = FindSeat | Adjust | Submit | Write | Keep | Show | Notify | AskTokens | Leave
