"""What the readers give, whatever the corpus and its format."""

from dataclasses import dataclass, field
from typing import Literal

from duologue.training.sample import Sample

Split = Literal["train", "val"]


@dataclass(frozen=True, slots=True)
class Query:
    """One utterance that was meant for an assistant, with the intent it was collected for."""

    text: str
    intent: str
    source: str = "clinc150"


@dataclass(frozen=True, slots=True)
class ServiceTurn:
    """What a user said to a service: what had just been asked for, and what it says in answer."""

    text: str
    requested: frozenset[str]
    intents: frozenset[str]
    slots: frozenset[str]
    source: str


@dataclass(frozen=True, slots=True)
class TalkLine:
    """What somebody said among others; `addressee` where it begins by naming whom it is for."""

    conversation: str
    speaker: str
    text: str
    addressee: str
    source: str


@dataclass(frozen=True, slots=True)
class RepairedQuestion:
    """A question as it was meant, and as it was said, with a correction in it."""

    original: str
    disfluent: str
    source: str


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    """One turn of a task dialogue with its dialogue acts."""

    is_user: bool
    text: str
    acts: frozenset[str]


@dataclass(frozen=True, slots=True)
class MeetingLine:
    """One utterance of a meeting; `basic` is S, Q, B, D or F, `full` the whole tag."""

    speaker: str
    text: str
    basic: str
    general: str
    full: str


@dataclass(slots=True)
class Corpora:
    """Everything that was found of one split."""

    queries: list[Query] = field(default_factory=list)
    dialogues: list[tuple[DialogueTurn, ...]] = field(default_factory=list)
    meetings: list[MeetingLine] = field(default_factory=list)
    service_turns: list[ServiceTurn] = field(default_factory=list)
    talk: list[TalkLine] = field(default_factory=list)
    repaired: list[RepairedQuestion] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    rows: list[Sample] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How much of each kind there is."""
        return {
            "queries": len(self.queries),
            "dialogues": len(self.dialogues),
            "meeting lines": len(self.meetings),
            "service turns": len(self.service_turns),
            "lines of talk": len(self.talk),
            "repaired questions": len(self.repaired),
            "sentences": len(self.sentences),
            "own rows": len(self.rows),
        }
