"""A session's whole state: one tree of plain values."""

from dataclasses import dataclass, field

from duologue.events import StateReason
from duologue.lane.slices import Slice
from duologue.session.noting import ContextNote
from duologue.session.response import Response
from duologue.session.silence import Silence
from duologue.session.terms import Terms
from duologue.session.transcript import Entry, Outcome, Role
from duologue.states import State
from duologue.text.utterance import Utterance
from duologue.usage import Usage


@dataclass(frozen=True, slots=True)
class Flight:
    """A slice that is under way, and what the session looked like when it left.

    What comes of it is about this state of things, whatever the client says in the meantime.
    """

    work: Slice
    is_judging: bool
    """Whether the utterance is to be judged in it."""
    text: str
    """The utterance."""
    segments: dict[str, str]
    segment_ids: tuple[str, ...]
    tokens: tuple[int, ...]
    """The utterance's tokens, once the engine has heard the slice's edit."""
    is_committed: bool
    """Whether the client had said that the turn is over."""
    heard_chars: int
    """How much of the reply the user had heard."""
    stop_strings: tuple[str, ...]


@dataclass(slots=True)
class Decision:
    """The last decision about an utterance: more may follow that belongs to it."""

    state: State
    reason: StateReason
    text: str
    """The utterance, as it was corrected since."""
    tokens: tuple[int, ...]
    """Its tokens, as the engine knew them."""
    at_ms: float
    text_ms: float
    """When its last text came."""
    probability: float = 0.0
    """Of the state."""
    is_over: bool = False
    """Whether nothing goes on with it: the client said so, or it is a part of a long utterance."""
    cut_heard_chars: int = 0
    """How much the user had heard of the reply that it cuts."""
    place: int | None = None
    """Where in the transcript its entries begin; None until it is confirmed."""
    notes: tuple[ContextNote, ...] = ()
    """What joined the conversation with it, behind a reply that it cuts."""

    @property
    def is_confirmed(self) -> bool:
        return self.place is not None


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call of a tool that was sent and has no result yet."""

    call_id: str
    response_id: int


@dataclass(slots=True)
class SessionState:
    """All that a session is but for its lane. Encoded as it is, it is the session's checkpoint."""

    terms: Terms
    utterance: Utterance
    silence: Silence = field(default_factory=Silence)
    began_ms: float = 0.0
    """When the utterance in progress began."""
    engine_tokens: tuple[int, ...] = ()
    """Of the utterance, as the engine knows it."""
    decision: Decision | None = None
    reopening: Decision | None = None
    """The decision that is to be taken back with the next slice."""
    response: Response | None = None
    """The reply in the output channel, or the last that was there."""
    cut: Response | None = None
    """The reply that the last decision cut, and that lies aside."""
    waiting: list[Response] = field(default_factory=list)
    """Replies that the caller has begun of its own accord, and of which the engine is to know."""
    notes: list[ContextNote] = field(default_factory=list)
    """What is to join the conversation as soon as no reply is in the way."""
    calls: list[OpenCall] = field(default_factory=list)
    """Of tools, that wait for their results."""
    num_calls: int = 0
    """Calls that were sent."""
    amends: bool = False
    """Whether an acknowledgement for the reply that was cut is still to reach the engine."""
    num_responses: int = 0
    """Replies that were shown."""
    flight: Flight | None = None
    is_flight_void: bool = False
    """Whether the utterance under way was decided by its words in the meantime."""
    transcript: list[Entry] = field(default_factory=list)
    """Its last entries."""
    num_earlier_entries: int = 0
    """Entries before those that are at hand; they no longer change."""
    usage: Usage = field(default_factory=Usage)
    num_events: int = 0
    retry_at_ms: float = 0.0
    is_closed: bool = False

    @classmethod
    def new(cls, terms: Terms) -> "SessionState":
        """A session in which nothing happened yet."""
        limit, tags = terms.max_utterance_chars, terms.listening.noise_tags
        return cls(terms=terms, utterance=Utterance(max_chars=limit, noise_tags=tags))

    @property
    def known_tokens(self) -> tuple[int, ...]:
        """The utterance's tokens as the engine will know them before it hears an edit."""
        return self.engine_tokens if self.reopening is None else self.reopening.tokens

    @property
    def is_judging(self) -> bool:
        """Whether the utterance is being judged by a slice under way."""
        return self.flight is not None and self.flight.is_judging

    @property
    def num_entries(self) -> int:
        """Length of the whole transcript."""
        return self.num_earlier_entries + len(self.transcript)

    def enter(self, role: Role, text: str, outcome: Outcome, response_id: int | None = None) -> int:
        """Add to the transcript; returns the place of the entry in the whole of it."""
        self.transcript.append(Entry(role, text, outcome, response_id))
        return self.num_entries - 1

    def enter_note(self, note: ContextNote) -> None:
        """Add to the transcript what the model knows now."""
        self.enter(Role(note.speaker), note.text, Outcome.CALLED if note.is_call else Outcome.NOTED)

    def keep_decision(self) -> None:
        """The last query cannot be taken back any more: something stands behind it."""
        if self.decision is not None and self.decision.state is State.QUERY:
            self.decision = None

    def strike(self, decision: Decision) -> None:
        """Take what a decision entered out of the transcript: with a query, all that followed."""
        if decision.place is None:
            return
        start = decision.place - self.num_earlier_entries
        assert start >= 0, "an entry that may change is not at hand"
        if decision.state is not State.QUERY:
            del self.transcript[start]
            return
        del self.transcript[start:]
        for response in (self.response, self.cut):
            if response is not None and (response.place or 0) >= decision.place:
                response.place = None

    def rewrite(self, place: int, role: Role, text: str) -> None:
        """Give the first entry of somebody from a place on another text."""
        for at in range(max(0, place - self.num_earlier_entries), len(self.transcript)):
            entry = self.transcript[at]
            if entry.role is role and entry.outcome not in (Outcome.NOTED, Outcome.CALLED):
                self.transcript[at] = Entry(role, text, entry.outcome, entry.response_id)
                return

    def forget_entries(self) -> None:
        """Let go of the transcript, but for the entries that may still change."""
        changeable = self.decision or self.reopening
        place = changeable.place if changeable is not None else None
        kept_from = self.num_entries if place is None else place
        del self.transcript[: kept_from - self.num_earlier_entries]
        self.num_earlier_entries = kept_from
