"""Which nodes get an agent, and how one with other settings is replaced."""

from dataclasses import dataclass, field

from ray.exceptions import RayActorError

from duologue.actors.agent_roll import AgentRoll
from duologue.actors.local_ray import RayNode


@dataclass
class FakeAgent:
    """One that empties itself when it is asked a second time."""

    settings: str
    num_left: int = 2
    is_silent: bool = False
    calls: list[str] = field(default_factory=list)

    async def digest(self) -> str:
        if self.is_silent:
            raise RayActorError
        return self.settings

    async def drain(self, grace_ms: float) -> int:
        self.calls.append("drain")
        return self.num_left

    async def num_sessions(self) -> int:
        self.num_left -= 1
        return max(0, self.num_left)

    async def end(self) -> None:
        self.calls.append("end")


class Cluster:
    """Nodes by name, and every agent that was started on each."""

    def __init__(self, settings: str = "new") -> None:
        self.agents: dict[str, list[FakeAgent]] = {}
        self.settings = settings
        self.is_silent = False
        self.roll = AgentRoll("new", self._start, look_every_s=0)

    def _start(self, node: RayNode) -> FakeAgent:
        agent = FakeAgent(self.settings, is_silent=self.is_silent)
        self.agents.setdefault(node.node_id, []).append(agent)
        return agent

    async def look(self, *names: str) -> None:
        await self.roll.look([RayNode(name, "host", 0) for name in names])


async def test_each_node_gets_one_whenever_it_comes() -> None:
    cluster = Cluster()
    await cluster.look("a")
    await cluster.look("a", "b")
    await cluster.look("a", "b")
    assert {name: len(agents) for name, agents in cluster.agents.items()} == {"a": 1, "b": 1}


async def test_a_node_that_is_gone_gets_another_one_when_it_is_back() -> None:
    cluster = Cluster()
    await cluster.look("a")
    await cluster.look()
    await cluster.look("a")
    assert [agent.calls for agent in cluster.agents["a"]] == [["end"], []]


async def test_one_with_other_settings_is_emptied_ended_and_replaced() -> None:
    cluster = Cluster(settings="old")  # as one that was there before
    await cluster.look("a")
    cluster.settings = "new"
    await cluster.look("a")  # the one that came is still one of the old
    await cluster.look("a")
    replaced = ["drain", "end"]
    assert [agent.calls for agent in cluster.agents["a"]] == [replaced, replaced, []]


async def test_one_that_does_not_answer_is_asked_again_and_holds_up_nobody() -> None:
    cluster = Cluster(settings="old")
    cluster.is_silent = True
    await cluster.look("a", "b")
    silent = cluster.agents["a"][0]
    assert silent.calls == []
    assert len(cluster.agents["b"]) == 1
    silent.is_silent = cluster.is_silent = False
    await cluster.look("a", "b")
    assert silent.calls == ["drain", "end"]


async def test_the_end_of_the_roll_is_that_of_all_agents() -> None:
    cluster = Cluster()
    await cluster.look("a", "b")
    await cluster.roll.end()
    assert [agents[0].calls for agents in cluster.agents.values()] == [["end"], ["end"]]
    assert cluster.roll.agents == ()
