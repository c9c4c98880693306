"""How many people can be listened to: from each word to its judgement, `listen` beside `duo`.

    python -m benchmarks.listeners --sessions 16,32,64 --minutes 2
    python -m benchmarks.listeners --bare --sessions 50,100,150,200 --minutes 2

The people are those of `benchmarks.load`. With `listen` each brings an assistant that speaks for
itself: it begins when it has the floor, tells what it says, and falls silent when it is told to.
For each number of people and each strategy a platform of its own is started. With `--bare` that is
a batching actor alone, and the sessions live in this process: without gateway, store and session
actors it tells what the ear itself could serve, and what they cost.

A word counts from when it was to be spoken to its end until the first `input_state` that has it is
read. Ends with status 1 if anything was lost, doubled or dropped.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.crowd.bare import bare_platform
from benchmarks.crowd.crowd import Crowd
from benchmarks.crowd.figures import figures_of
from benchmarks.crowd.person import Manners
from benchmarks.crowd.plan import LoadPlan
from benchmarks.crowd.platform import own_platform
from benchmarks.crowd.processes import ProcessWatch
from benchmarks.crowd.repertoire import Repertoire
from duologue.client import Client, connect
from duologue.clock import MonotonicClock

RESULTS = Path(__file__).resolve().parent / "results" / "listeners.json"
TARGET_MS = 150.0


@dataclass(frozen=True, slots=True)
class Trial:
    """So many people with one strategy."""

    plan: LoadPlan
    strategy: str
    is_bare: bool
    settings: tuple[str, ...]

    @property
    def all_settings(self) -> list[str]:
        """With room for everybody."""
        seats = f"batching.max_sessions={max(64, self.plan.sessions)}"
        actors = [] if self.is_bare else self.plan.platform_settings
        return [seats, *actors, *self.settings]


@asynccontextmanager
async def platform(trial: Trial, log: Path) -> AsyncIterator[tuple[Client, int]]:
    """A way to sessions, and the process whose family's CPU is the platform's."""
    if trial.is_bare:
        async with bare_platform(trial.all_settings) as (bare, pid):
            yield cast("Client", bare), pid
        return
    async with own_platform(trial.all_settings, log) as (endpoint, _):
        assert endpoint.pid is not None
        async with connect(endpoint.address, api_key=endpoint.api_key) as client:
            yield client, endpoint.pid


async def measure(trial: Trial, log: Path) -> dict[str, Any]:
    """One trial."""
    manners = Manners(Repertoire.read(None, None), max_reply_tokens=80, strategy=trial.strategy)
    async with platform(trial, log) as (client, pid):
        crowd = Crowd(client, trial.plan, manners, MonotonicClock())
        watching = asyncio.create_task(_watch(pid, trial.plan))
        await crowd.come_and_go(lambda _crowd: None)
        watch, own_s = await watching
    figures = figures_of(crowd.notes, crowd.start_ms + trial.plan.ramp_s * 1e3)
    measured_s = trial.plan.duration_s - trial.plan.ramp_s
    return {
        "strategy": trial.strategy,
        "people": trial.plan.sessions,
        "is_bare": trial.is_bare,
        "seconds": measured_s,
        "processes": watch.to_json(),
        "own_cores": round(own_s / measured_s, 3),
        **figures,
    }


async def _watch(pid: int, plan: LoadPlan) -> tuple[ProcessWatch, float]:
    """What is used in the time that is measured, and by this program; not while people leave."""
    await asyncio.sleep(plan.ramp_s)
    watch = ProcessWatch(pid)
    watch.begin()
    own_before = _own_cpu_s()
    await asyncio.sleep(plan.duration_s - plan.ramp_s)
    watch.sample(with_memory=True)
    return watch, _own_cpu_s() - own_before


def _own_cpu_s() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def show(found: Sequence[dict[str, Any]], console: Console) -> None:
    """One line for each trial."""
    columns = ("strategy", "people", "taken", "words", "p50", "p95", "p99", "unjudged")
    table = Table(*columns, "answer p50", "p95", "late p99", box=None)
    for each in found:
        judged, answered = each["judgement_ms"], each["response_ms"]["all"]
        table.add_row(
            each["strategy"],
            str(each["people"]),
            str(each["sessions"]["arrived"] - each["sessions"]["refused"]),
            *(str(judged[name]) for name in ("count", "p50", "p95", "p99", "unjudged")),
            *(str(answered[name]) for name in ("p50", "p95")),
            str(each["own_lateness_ms"]["p99"]),
        )
    console.print(table)
    for each in found:
        used = {name: use["cores"] for name, use in each["processes"].items()}
        used["this program"] = each["own_cores"]
        told = ", ".join(f"{name} {cores}" for name, cores in used.items())
        console.print(f"cores, {each['people']} people, {each['strategy']}: {told}")
    for strategy in dict.fromkeys(each["strategy"] for each in found):
        served = [each["people"] for each in found if each["strategy"] == strategy and _holds(each)]
        most = max(served, default=0)
        console.print(f"{strategy}: {most} people within {TARGET_MS:g} ms at p95 (target 150)")


def _holds(each: dict[str, Any]) -> bool:
    p95 = each["judgement_ms"]["p95"]
    is_whole = not (each["sessions"]["refused"] or each["sessions"]["dropped"])
    return is_whole and isinstance(p95, float) and p95 <= TARGET_MS


def _is_intact(each: dict[str, Any]) -> bool:
    return not (each["integrity"]["sessions_not_intact"] or each["sessions"]["dropped"])


def listeners(
    sessions: Annotated[str, typer.Option("--sessions", "-n", help="As 16,32.")] = "16,32,64",
    strategies: Annotated[str, typer.Option(help="As listen,duo.")] = "listen,duo",
    minutes: Annotated[float, typer.Option(help="Of each trial.")] = 2.0,
    ramp_s: Annotated[float, typer.Option(help="Within which people come.")] = 15.0,
    seed: Annotated[int, typer.Option()] = 0,
    bare: Annotated[bool, typer.Option("--bare", help="Neither gateway nor actors.")] = False,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="Settings: section.name=value.")
    ] = None,
    results: Annotated[Path, typer.Option(help="JSON file.")] = RESULTS,
    log: Annotated[Path, typer.Option(help="Output of the platform.")] = Path("duologue-up.log"),
) -> None:
    """Measure, print and write."""
    console = Console(highlight=False)
    found = []
    for people in map(int, sessions.split(",")):
        for strategy in strategies.split(","):
            plan = LoadPlan(people, minutes * 60, ramp_s, seed=seed)
            trial = Trial(plan, strategy, bare, tuple(assignments or ()))
            console.print(f"{people} people, {strategy} …")
            found.append(asyncio.run(measure(trial, log)))
    show(found, console)
    machine = {"cores": psutil.cpu_count(), "usable": len(os.sched_getaffinity(0))}
    report = {"machine": machine, "settings": assignments or [], "trials": found}
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.exit(not all(map(_is_intact, found)))


if __name__ == "__main__":
    typer.run(listeners)
