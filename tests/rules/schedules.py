"""Random schedules: what many sessions do, tick by tick, written down before anything runs.

An action speaks of shares ("keep half of the utterance"), so that a schedule fits whatever the
model says, and the same one can be played alone, among others, disturbed and undisturbed.
"""

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from random import Random

from duologue.forward.sampling_settings import SamplingSettings
from duologue.lane.judging import JudgingPatience
from duologue.lane.steps import Note, Promotion
from duologue.speaker import FOR_CLIENTS, Speaker
from tests.rules.worlds import FIRST_WORD, MOODS
from tests.tiny_models import VOCAB_SIZE


class Disturbance(Enum):
    """What befalls a session's cells before its slice, or in the midst of it."""

    REST = auto()
    """Its cells are dropped."""
    REPLAY = auto()
    """It is seated anew, with a lane that is replayed from its steps."""
    CRASH = auto()
    """The same while its slice is under way; the slice is submitted again."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The user's text changes: a share of it stays, then come new tokens."""

    keep_share: float
    append: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """How much of a reply was heard: a share of its tokens, then some of a token cut in two."""

    keep_share: float
    tail: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """What a session does in one tick."""

    is_absent: bool = False
    """It has nothing to do and submits no slice."""
    edit: Edit | None = None
    patience: JudgingPatience = JudgingPatience.NORMAL
    report: Report | None = None
    concludes: bool = False
    reopens: bool = False
    """The last utterance goes on, if it still can."""
    amends: Report | None = None
    """More or less was heard of the reply that was cut than was known."""
    pauses: bool = False
    """The reply waits in this slice."""
    begins: bool = False
    """A reply begins that no utterance asks for, if there is none."""
    given: tuple[int, ...] = ()
    """What the reply is to say from here on."""
    settles: bool = False
    """The utterance is too long to wait for its end."""
    notes: tuple[Note, ...] = ()
    """What the model is to know, if there is no reply or it is cut."""
    delay_forwards: int = 0
    """It joins the tick when so many forwards have run."""
    disturbance: Disturbance | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One session from its opening to its end."""

    name: str
    strategy: str
    first_tick: int
    actions: tuple[Action, ...]
    promotion: Promotion = Promotion.REBASE
    reply_tokens: int = 4
    look_ahead_tokens: int = 3
    sheds_look_ahead: bool = False
    """In every second tick there is too much to do for it."""
    holds_reply: bool = False
    sets_aside: bool = False
    """A reply that is cut is kept, to go on if that was a mistake."""
    returns_early: bool = False
    """A slice ends with the first text of a reply that begins in it."""
    max_reply_tokens: int = 64
    context_limit_tokens: int = 8192
    idle_token: int | None = None
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    num_instruction_tokens: int = 0
    """The more of them two openings have, the more they have in common."""
    shares_among: str | None = None
    earlier: tuple[Note, ...] = ()
    """What was said before the session began."""

    def undisturbed(self) -> "Plan":
        return replace(self, actions=tuple(replace(a, disturbance=None) for a in self.actions))

    def disturbed(self, random: Random) -> "Plan":
        """The same with other accidents."""
        actions = tuple(
            replace(a, disturbance=random.choice((None, *Disturbance))) for a in self.actions
        )
        return replace(self, actions=actions)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many rows the engine takes at once."""

    max_rows: int = 512
    prefill_chunk_rows: int = 512

    @property
    def is_roomy(self) -> bool:
        """Whether no slice ever waits for another, or for its own prefill."""
        return min(self.max_rows, self.prefill_chunk_rows) >= 512


@dataclass(frozen=True, slots=True)
class Schedule:
    """Sessions on one engine."""

    mood: str
    layers: tuple[int, ...]
    limits: Limits
    plans: tuple[Plan, ...]

    @property
    def num_ticks(self) -> int:
        return max(plan.first_tick + len(plan.actions) for plan in self.plans)

    def alone(self, plan: Plan) -> "Schedule":
        return replace(self, plans=(plan,), limits=Limits())

    def undisturbed(self) -> "Schedule":
        return replace(self, plans=tuple(plan.undisturbed() for plan in self.plans))

    def disturbed(self, random: Random) -> "Schedule":
        return replace(self, plans=tuple(plan.disturbed(random) for plan in self.plans))


STRATEGIES = ("duo", "duo", "duo", "tdm", "turn")
"""Duo more often: the others are its baselines."""


LISTENING = ("listen", "listen", "duo")
"""Sessions whose callers speak, among others."""


def random_schedule(
    random: Random,
    *,
    strategies: tuple[str, ...] = STRATEGIES,
    max_sessions: int = 4,
    roomy: bool | None = None,
    sampled: bool | None = None,
) -> Schedule:
    """Any schedule at all, within what the arguments ask for."""
    is_roomy = random.random() < 0.4 if roomy is None else roomy
    tight = Limits(random.choice((1, 3, 6, 40, 512)), random.choice((1, 2, 5, 9, 128)))
    return Schedule(
        mood=random.choice(tuple(MOODS)),
        layers=random.choice(((-1,), (-1,), (0, -1))),
        limits=Limits() if is_roomy else tight,
        plans=tuple(
            _plan(random, f"s{number}", random.choice(strategies), sampled)
            for number in range(random.randint(1, max_sessions))
        ),
    )


def _plan(random: Random, name: str, strategy: str, sampled: bool | None) -> Plan:
    is_sampled = random.random() < 0.3 if sampled is None else sampled
    first_tick = random.randint(0, 4)
    return Plan(
        name=name,
        strategy=strategy,
        first_tick=first_tick,
        returns_early=first_tick % 2 == 1,
        actions=tuple(_action(random, strategy) for _ in range(random.randint(4, 16))),
        promotion=random.choice(tuple(Promotion)),
        reply_tokens=random.choice((1, 1, 2, 3, 4)),
        look_ahead_tokens=random.randint(0, 4),
        holds_reply=random.random() < 0.6,
        sets_aside=random.random() < 0.7,
        max_reply_tokens=random.choice((6, 64, 64)),
        context_limit_tokens=random.choice((110, 130, 160, 8192)),
        idle_token=random.choice((None, 29)),
        sampling=_sampling(random) if is_sampled else SamplingSettings(),
        num_instruction_tokens=random.choice((0, 0, 40, 70)),
        shares_among=random.choice((None, "a", "a", "b")),
    )


def _sampling(random: Random) -> SamplingSettings:
    return SamplingSettings(
        temperature=random.choice((0.3, 1.0, 1.5)),
        top_k=random.choice((0, 5, 40)),
        top_p=random.choice((1.0, 0.8)),
        repetition_penalty=random.choice((1.0, 1.3)),
        seed=random.randint(0, 99),
    )


def _action(random: Random, strategy: str) -> Action:
    has_edit = random.random() < 0.6
    patience = JudgingPatience.NORMAL
    if random.random() < (0.35 if has_edit else 0.75):
        patience = random.choice((JudgingPatience.LOW, JudgingPatience.LOW, JudgingPatience.OUT))
    return Action(
        is_absent=random.random() < 0.1,
        edit=_edit(random) if has_edit else None,
        patience=patience,
        report=_report(random) if random.random() < 0.6 else None,
        concludes=random.random() < 0.13,
        reopens=random.random() < 0.2,
        amends=_report(random) if random.random() < 0.3 else None,
        pauses=random.random() < 0.15,
        settles=random.random() < 0.04,
        delay_forwards=random.choice((0, 0, 0, 1, 2, 5)),
        disturbance=random.choice((None,) * 12 + tuple(Disturbance)),
        begins=strategy == "listen" and random.random() < 0.3,
    )


def with_notes(schedule: Schedule, random: Random) -> Schedule:
    """The same of sessions that have a history, and whose callers let the model know things and let
    it speak unasked."""
    plans = tuple(
        replace(
            plan,
            earlier=_notes(random, random.choice((0, 1, 4)), is_first_turn=True),
            actions=tuple(
                replace(
                    action,
                    notes=_notes(random, random.choice((0, 0, 1, 2))),
                    begins=action.begins or random.random() < 0.3,
                    given=_words(random, random.choice((0, 0, 0, 1, 5))),
                )
                for action in plan.actions
            ),
        )
        for plan in schedule.plans
    )
    return replace(schedule, plans=plans)


def _notes(random: Random, count: int, *, is_first_turn: bool = False) -> tuple[Note, ...]:
    """Of a history, a reply belongs to the turn before it."""
    notes: list[Note] = []
    for _ in range(count):
        speaker = random.choice(FOR_CLIENTS)
        is_turn = not is_first_turn or not notes or speaker is not Speaker.ASSISTANT
        notes.append(Note(speaker, _words(random, random.choice((1, 3, 9))), is_turn))
    return tuple(notes)


def _edit(random: Random) -> Edit:
    keep_share = random.choice((1.0, 1.0, 1.0, 0.0, 0.0, 0.4, 0.7))
    return Edit(keep_share, _words(random, random.choice((0, 1, 2, 3, 5, 5, 24))))


def _report(random: Random) -> Report:
    keep_share = random.choice((0.0, 0.0, 0.4, 0.7, 1.0))
    return Report(keep_share, _words(random, random.choice((0, 1, 3))))


def _words(random: Random, count: int) -> tuple[int, ...]:
    return tuple(random.randrange(FIRST_WORD, VOCAB_SIZE) for _ in range(count))
