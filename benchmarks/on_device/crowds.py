"""How many live sessions a device serves: a crowd that speaks and listens, tick after tick.

Ticks follow one another without waiting, so what is measured is the time that the work of a tick
takes, the engine's own included; one is in time if that is not longer than the tick. The network
is not here: sessions hand their slices to the engine in its own process.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch

from benchmarks.on_device.forwards import free_bytes, room_bytes
from benchmarks.on_device.watch import Watch
from duologue.engine.engine import Engine, EngineSettings
from duologue.forward.state_head import AdapterCard, StateHead
from duologue.lane.judging import Judge, JudgingPatience
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice
from duologue.model.loading import LoadedModel
from duologue.states import State
from duologue.strategies.duo import DuoStrategy
from duologue.text.token_edit import TokenEdit

TICK_MS = 160
VOCABULARY = range(10, 60)
LABELS = (State.QUERY, State.NON_QUERY, State.INCOMPLETE)
TOKENS_PER_TICK = (0, 0, 1, 1, 1, 2)
"""What a speaker says: about five tokens a second."""
REPLY_TOKENS = 2
"""Of a slice: what is heard at about twelve tokens a second."""
UTTERANCE_TOKENS = (6, 20)
LONGEST_REPLY_TOKENS = 60
PAUSE_TICKS = (3, 20)
SPARE_TOKENS = 256
"""Of a context, before the oldest turns leave."""
TALKING_OVER = 0.02
"""The chance in a tick that a listener says something that is not for the assistant."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """What a crowd of this size took."""

    sessions: int
    ticks: int
    p50_ms: float
    p99_ms: float
    in_time: float
    """The share of ticks."""
    forwards: float
    rows: float
    """Of a tick, on average."""


def undecided_head(hidden_size: int, device: torch.device) -> StateHead:
    """Thinks that everything may be a query, and is never sure before patience is out."""
    card = AdapterCard(hidden_size=hidden_size, labels=LABELS, thresholds={})
    weight = torch.zeros(len(LABELS), hidden_size, device=device)
    return StateHead(card, [(weight, torch.tensor([1.0, 0.0, 0.5], device=device))])


class Talker:
    """One person: pauses, says something, hears the reply, sometimes talks over it."""

    def __init__(self, name: str, engine: Engine, lane: Lane, profile: LaneProfile) -> None:
        self.name, self._engine, self._lane = name, engine, lane
        self._random = Random(name)
        self._left_to_say = 0
        self._pause = self._random.randint(0, PAUSE_TICKS[1])
        self._was_speaking = False
        engine.open(name, 1, lane, profile, DuoStrategy())

    def first_slice(self) -> Slice:
        """A word, so that what was said before is computed."""
        return self._sliced(0, TokenEdit(0, self._said(1)))

    def slice(self, tick: int) -> Slice | None:
        """What this tick asks of the engine; nothing while there is nothing to hear or to say."""
        random, lane = self._random, self._lane
        spoke, self._was_speaking = self._was_speaking, lane.is_speaking
        if lane.is_speaking:
            edit = None
            if lane.utterance:
                edit = TokenEdit(0, ())  # it was nothing
            elif random.random() < TALKING_OVER:
                edit = TokenEdit(0, self._said(3))
            return self._sliced(tick, edit)
        if spoke:
            self._pause = random.randint(*PAUSE_TICKS)
        if self._pause:
            self._pause -= 1
            if not self._pause:
                self._left_to_say = random.randint(*UTTERANCE_TOKENS)
            return None
        if self._left_to_say:
            count = min(self._left_to_say, random.choice(TOKENS_PER_TICK))
            self._left_to_say -= count
            edit = TokenEdit(len(lane.utterance), self._said(count)) if count else None
            return self._sliced(tick, edit) if edit else None
        return self._sliced(tick, None, JudgingPatience.OUT)

    def _said(self, count: int) -> tuple[int, ...]:
        return tuple(self._random.choices(VOCABULARY, k=count))

    def _sliced(
        self, tick: int, edit: TokenEdit | None, patience: JudgingPatience = JudgingPatience.NORMAL
    ) -> Slice:
        return Slice(self.name, 1, tick, edit=edit, patience=patience, reply_tokens=REPLY_TOKENS)


def crowds(
    model: LoadedModel,
    sizes: Sequence[int],
    context: int,
    num_ticks: int,
    watch: Watch,
) -> Iterator[Ticks]:
    """Larger and larger crowds, until one is late or the time or the memory is over."""
    seconds_each = 0.0
    for size in sizes:
        if _kv_bytes(model, size, context) > free_bytes(model.device):
            return
        if size * seconds_each > watch.left_s:
            return
        watch.show(f"a crowd of {size}")
        began_s = time.monotonic()
        ticks = _play(model, size, context, num_ticks, watch)
        yield ticks
        seconds_each = (time.monotonic() - began_s) / size
        if ticks.p99_ms > TICK_MS:
            return
        if model.device.type == "cuda":
            torch.cuda.empty_cache()


def _play(model: LoadedModel, size: int, context: int, num_ticks: int, watch: Watch) -> Ticks:
    head = undecided_head(model.geometry.hidden_size, model.device)
    engine = Engine(model, head, EngineSettings(kv_bytes=_kv_bytes(model, size, context)))
    engine.warm_up()
    judge = Judge({State.QUERY: 0.99, State.NON_QUERY: 0.99})
    profile = LaneProfile(
        judge,
        frozenset(),
        max_reply_tokens=LONGEST_REPLY_TOKENS,
        context_limit_tokens=context + SPARE_TOKENS,
    )
    random = Random(size)
    talkers = []
    for number in range(size):
        lane = Lane(model.chat, random.choices(VOCABULARY, k=context))
        talkers.append(Talker(f"t{number}", engine, lane, profile))
    # Everybody says something first, so that the openings are computed before it counts.
    for talker in talkers:
        engine.submit(talker.first_slice())
    engine.run()
    before = engine.num_forwards, engine.num_rows
    took_ms: list[float] = []
    for tick in range(1, num_ticks + 1):
        began_s = time.perf_counter()
        for talker in talkers:
            work = talker.slice(tick)
            if work is not None:
                engine.submit(work)
        results = engine.run()
        took_ms.append((time.perf_counter() - began_s) * 1e3)
        errors = [result.error for result in results if result.error is not None]
        if errors:
            raise RuntimeError(f"a slice failed: {errors[0]}")
        if watch.left_s < 0:
            break
    ordered = sorted(took_ms)
    return Ticks(
        sessions=size,
        ticks=len(ordered),
        p50_ms=ordered[len(ordered) // 2],
        p99_ms=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        in_time=sum(ms <= TICK_MS for ms in ordered) / len(ordered),
        forwards=(engine.num_forwards - before[0]) / len(ordered),
        rows=(engine.num_rows - before[1]) / len(ordered),
    )


def _kv_bytes(model: LoadedModel, size: int, context: int) -> int:
    return room_bytes(model.geometry, model.dtype, size, context + 2 * SPARE_TOKENS)
