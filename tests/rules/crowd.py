"""A crowd: many sessions on one engine that are told in every tick what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duologue.engine.engine import Engine, EngineSettings
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.steps import Say
from duologue.states import State
from duologue.strategies.base import Strategy
from duologue.strategies.duo import DuoStrategy
from duologue.text.token_edit import TokenEdit
from tests.rules.worlds import JUDGE, SetHead, World, as_head, tiny_world


@dataclass(slots=True)
class Crowd:
    """Sessions by name; each is opened with its first slice."""

    strategy: Strategy = field(default_factory=DuoStrategy)
    settings: EngineSettings = field(default_factory=lambda: EngineSettings(kv_bytes=8 << 20))
    stop_tokens: frozenset[int] = frozenset()
    """None, so that replies go on."""
    head: SetHead = field(default_factory=SetHead)
    world: World = field(default_factory=lambda: tiny_world("llama"))
    engine: Engine = field(init=False)
    tick: int = 0
    replies: dict[str, list[int]] = field(default_factory=dict)
    """What each session said."""

    def __post_init__(self) -> None:
        self.engine = Engine(self.world.model, as_head(self.head), self.settings)

    def open(self, name: str) -> None:
        profile = LaneProfile(judge=JUDGE, stop_tokens=self.stop_tokens)
        lane = Lane(self.world.model.chat, self.world.opening)
        self.engine.open(name, 1, lane, profile, self.strategy)
        self.replies[name] = []

    def close(self, name: str) -> None:
        self.engine.close(name, 1)

    def do(self, wishes: Mapping[str, Mapping[str, object]]) -> dict[str, SliceResult]:
        """One tick: a slice for each session that is named."""
        self.tick += 1
        for name, wish in wishes.items():
            if name not in self.replies:
                self.open(name)
            self.engine.submit(Slice(name, 1, self.tick, **wish))  # type: ignore[arg-type]
        results = {}
        while self.engine.has_work:
            for result in self.engine.forward():
                results[result.session_id] = result
            self.engine.check_integrity()
        for name, result in results.items():
            said = [step for step in result.steps if isinstance(step, Say)]
            self.replies[name] += [token for step in said for token in step.tokens]
        return results

    def count(self, wishes: Mapping[str, Mapping[str, object]]) -> int:
        """One tick; returns the number of forwards that it took."""
        before = self.engine.num_forwards
        self.do(wishes)
        return self.engine.num_forwards - before

    def start_replies(self, *names: str) -> None:
        """Let these sessions ask something and be answered."""
        self.head.script = [State.QUERY]
        self.do({name: hear(*range(40, 44), k=2, ahead=0) for name in names})
        assert all(self.engine.lane(name).is_speaking for name in names)


def hear(*tokens: int, k: int, ahead: int, keep: int = 0) -> dict[str, object]:
    """The user says these tokens behind the first `keep` of the utterance."""
    return {"edit": TokenEdit(keep, tokens), **wait(k=k, ahead=ahead)}


def wait(*, k: int, ahead: int) -> dict[str, object]:
    """The user says nothing."""
    return {"reply_tokens": k, "look_ahead_tokens": ahead}
