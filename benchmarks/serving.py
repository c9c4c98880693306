"""Replicas that come, go, are replaced and are killed under people who talk; what they notice.

    python -m benchmarks.serving

Starts the whole platform on this machine. A few people stay for the whole run; visitors bring a
second replica of the model, and their leaving takes it away; then code and settings of the model
are updated, and at last a replica is killed. Ends with status 1 if any event was lost or doubled.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.crowd.crowd import Crowd
from benchmarks.crowd.notes import Notes
from benchmarks.crowd.person import Manners
from benchmarks.crowd.plan import LoadPlan
from benchmarks.crowd.repertoire import Repertoire
from duologue.actors.cluster import LocalCluster
from duologue.actors.foreground import development_key
from duologue.client import Client, connect
from duologue.clock import Clock, MonotonicClock
from duologue.cluster_status import BatcherStatus
from duologue.service_settings import BatchingSettings, GatewaySettings, SessionSettings
from duologue.settings import Settings

RESULTS = Path(__file__).resolve().parent / "results" / "serving.json"
STAYERS, VISITORS = 3, 3
CALM_S = 20.0
"""Of talk before, between and after what is done."""
AFTERMATH_S = 10.0
"""For which what people notice still counts as its consequence."""
WITHIN_S = 180.0
VISIT_S = 45.0
LOOK_EVERY_S = 0.1


@dataclass(slots=True)
class Act:
    """Something that was done to the platform; times of the run's clock."""

    name: str
    began_ms: float
    took_s: float = 0.0
    """Until the replicas stood as they should."""


@dataclass(slots=True)
class Run:
    """The platform, the people and what was done."""

    cluster: LocalCluster
    client: Client
    clock: Clock
    console: Console
    acts: list[Act] = field(default_factory=list)

    @asynccontextmanager
    async def act(self, name: str) -> AsyncIterator[Act]:
        """Measure a block, and let people talk for a while behind it."""
        self.console.print(f"{name} …")
        act = Act(name, self.clock.now_ms())
        yield act
        act.took_s = (self.clock.now_ms() - act.began_ms) / 1e3
        self.acts.append(act)
        await asyncio.sleep(CALM_S)

    async def until(self, is_so: Callable[[tuple[BatcherStatus, ...]], bool]) -> None:
        """Wait until the replicas stand so."""
        async with asyncio.timeout(WITHIN_S):
            while not is_so(await self.cluster.store.batchers()):
                await asyncio.sleep(LOOK_EVERY_S)

    def crowd(self, sessions: int, duration_s: float, seed: int) -> Crowd:
        manners = Manners(Repertoire.read(None, None), max_reply_tokens=80)
        plan = LoadPlan(sessions, duration_s, ramp_s=3.0, seed=seed)
        return Crowd(self.client, plan, manners, self.clock)


def settings() -> Settings:
    """Few seats, so that few people fill them, and no long delays."""
    return Settings(
        batching=BatchingSettings(
            threads=1,
            max_sessions=4,
            max_batchers=2,
            scale_up_after_s=3.0,
            scale_down_after_s=10.0,
            drain_ms=20_000,
        ),
        gateway=GatewaySettings(port=0, queue_ms=60_000),
        sessions=SessionSettings(warm_actors=STAYERS + VISITORS),
    )


async def scale(run: Run) -> list[Notes]:
    """Up by visitors, and back when they have gone."""
    visitors = run.crowd(VISITORS, VISIT_S, seed=2)
    await run.until(lambda found: len(found) == 1)  # late ticks may have brought another one
    async with run.act("1 to 2 replicas"):
        visit = asyncio.create_task(visitors.come_and_go(lambda _crowd: None))
        await run.until(lambda found: len(found) == 2)
    await visit
    async with run.act("2 to 1 replicas"):
        await run.until(lambda found: len(found) == 1)
    return visitors.notes


async def update(run: Run) -> None:
    """The model's application anew, with another setting: replicas are replaced."""
    from duologue.actors.serve_apps import deploy
    from duologue.actors.serving import model_app

    before = {each.batcher_id for each in await run.cluster.store.batchers()}
    changed = replace(run.cluster.settings.batching, gather_ms=5)
    app = model_app(replace(run.cluster.settings, batching=changed), host="127.0.0.1")
    async with run.act("rolling update"):
        await asyncio.to_thread(deploy, dict.fromkeys(run.cluster.apps, app))
        await run.until(
            lambda found: bool(found) and not before & {each.batcher_id for each in found}
        )


async def kill(run: Run) -> None:
    """SIGKILL; it is over when another one is announced."""
    batchers = await run.cluster.store.batchers()
    victim = max(batchers, key=lambda each: each.sessions)
    port = int(victim.address.rpartition(":")[2])
    pid = next(
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
    )
    assert pid is not None
    async with run.act("kill -9"):
        os.kill(pid, signal.SIGKILL)
        known = {each.batcher_id for each in batchers}
        await run.until(lambda found: any(each.batcher_id not in known for each in found))


async def measure(console: Console) -> tuple[Run, list[Notes]]:
    """All of it."""
    clock = MonotonicClock()
    async with LocalCluster(settings()) as cluster:
        key = await development_key(cluster.store)
        async with connect(cluster.address, api_key=key) as client:
            run = Run(cluster, client, clock, console)
            stayers = run.crowd(STAYERS, 3_600.0, seed=1)
            staying = asyncio.create_task(stayers.come_and_go(lambda _crowd: None))
            await asyncio.sleep(CALM_S)
            async with run.act("nothing"):
                pass
            notes = await scale(run)
            await update(run)
            await kill(run)
            stayers.leave()
            await staying
    return run, [*stayers.notes, *notes]


def noticed(act: Act, notes: list[Notes]) -> dict[str, Any]:
    """What people noticed from an act's beginning to its aftermath."""
    until_ms = act.began_ms + (act.took_s + AFTERMATH_S) * 1e3
    gaps = [
        gap_ms
        for each in notes
        for at_ms, gap_ms in each.gaps_ms
        if act.began_ms <= at_ms <= until_ms
    ]
    waits = [
        turn.response_ms
        for each in notes
        for turn in each.turns
        if turn.response_ms is not None and act.began_ms <= turn.due_end_ms <= until_ms
    ]
    answered = [wait_ms for wait_ms in waits if wait_ms != inf]
    return {
        **asdict(act),
        "longest_gap_in_a_reply_ms": round(max(gaps, default=0.0)),
        "longest_wait_for_a_reply_ms": round(max(answered, default=0.0)),
        "replies": len(answered),
        "not_answered_within_4_s": len(waits) - len(answered),
    }


def report(run: Run, notes: list[Notes]) -> dict[str, Any]:
    return {
        "stayers": STAYERS,
        "visitors": VISITORS,
        "acts": [noticed(act, notes) for act in run.acts],
        "lost": sum(each.num_lost for each in notes),
        "doubled": sum(each.num_doubled for each in notes),
        "garbled": sum(each.num_garbled for each in notes),
        "dropped": [each.dropped for each in notes if each.dropped],
        "turns": sum(len(each.turns) for each in notes),
    }


def main(
    results: Annotated[Path, typer.Option(help="JSON file.")] = RESULTS,
) -> None:
    """Measure, print and write."""
    console = Console(highlight=False)
    run, notes = asyncio.run(measure(console))
    told = report(run, notes)
    table = Table(
        *("what", "took s", "longest gap in a reply ms", "longest wait ms", "replies"),
        "not answered within 4 s",
    )
    for act in told["acts"]:
        table.add_row(
            act["name"],
            f"{act['took_s']:.1f}",
            str(act["longest_gap_in_a_reply_ms"]),
            str(act["longest_wait_for_a_reply_ms"]),
            str(act["replies"]),
            str(act["not_answered_within_4_s"]),
        )
    console.print(table)
    console.print({key: value for key, value in told.items() if key != "acts"})
    results.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    sys.exit(bool(told["lost"] or told["doubled"] or told["garbled"] or told["dropped"]))


if __name__ == "__main__":
    typer.run(main)
