"""What traces and metrics cost: the same talks with both and with neither, in turns.

    python -m benchmarks.observability --sessions 6 --minutes 2 --rounds 5

Every run starts a platform of its own. "on" is the costliest way to watch it: every session traced
with all of its slices, to files, and all metrics ports fetched every few seconds with exemplars.
"off" traces nothing and opens no port; counting goes on, and is timed apart, in this process. A
round is one run of each, in changing order, with the same people who say the same at the same
times. CPU is that of the platform's processes, by what they are, for each second that somebody is
there; the ratio of a round compares its two runs only, since the speed of a machine drifts.
"""

import asyncio
import json
import platform
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.counting import counting_us
from benchmarks.crowd.crowd import Crowd
from benchmarks.crowd.notes import Notes
from benchmarks.crowd.person import Manners
from benchmarks.crowd.plan import LoadPlan
from benchmarks.crowd.platform import free_port, own_platform
from benchmarks.crowd.processes import ProcessWatch
from benchmarks.crowd.repertoire import Repertoire
from duologue.background import running
from duologue.cli.terminal import show_error
from duologue.client import connect
from duologue.clock import MonotonicClock
from duologue.errors import DuologueError

RESULTS = Path(__file__).resolve().parent / "results" / "observability.json"
MAX_REPLY_TOKENS = 160
LOOK_EVERY_S = 1.0
FETCH_EVERY_S = 5.0
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
ALL = "all"
BATCHER = "batcher"
ALL_BUT_BATCHER = "all but batcher"
"""Without the forwards, which vary more from run to run than watching can cost."""


class Watching(StrEnum):
    """How a platform of a run is watched."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Run:
    """One platform and its people."""

    round: int
    watching: Watching
    cpu_ms: dict[str, float]
    """For each second of conversation, by kind of process."""
    sessions: int
    """People who were let in."""
    conversation_s: float
    """Their seconds in the measured time, added up."""
    lines_said: int
    replies: int
    is_intact: bool
    """Whether nothing was lost, doubled or dropped."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a platform that is watched has its metrics."""

    gateway: int
    batcher: int

    @classmethod
    def free(cls) -> "Ports":
        return cls(free_port(), free_port())

    def settings(self, trace_dir: Path) -> list[str]:
        """Of a platform that tells everything."""
        return [
            f"gateway.metrics_port={self.gateway}",
            f"batching.metrics_port={self.batcher}",
            f"telemetry.trace_dir={trace_dir}",
            "telemetry.sample_ratio=1",
            "telemetry.slices=true",
        ]


NOTHING = (
    *("gateway.metrics_port=none", "batching.metrics_port=none"),
    *("telemetry.sample_ratio=0", "telemetry.slices=false"),
)
"""Settings of a platform that tells nothing."""


async def measure(
    plan: LoadPlan, number: int, watching: Watching, settings: Sequence[str], log: Path
) -> Run:
    """One run."""
    with tempfile.TemporaryDirectory() as folder:
        ports = Ports.free()
        told = ports.settings(Path(folder)) if watching is Watching.ON else NOTHING
        every = [*plan.platform_settings, *settings, *told]
        async with (
            own_platform(every, log) as (endpoint, _),
            connect(endpoint.address, api_key=endpoint.api_key) as client,
        ):
            assert endpoint.pid is not None
            processes = ProcessWatch(endpoint.pid)
            crowd = Crowd(
                client, plan, Manners(Repertoire.read(), MAX_REPLY_TOKENS), MonotonicClock()
            )
            async with running(_look(processes, plan.ramp_s)), _fetched(ports, watching):
                await crowd.come_and_go(lambda _crowd: None)
            processes.sample()
    return run_of(number, watching, processes, crowd.notes, plan)


def run_of(
    number: int, watching: Watching, processes: ProcessWatch, notes: Sequence[Notes], plan: LoadPlan
) -> Run:
    """From what was seen to the figures of a run."""
    admitted = sum(not each.refused for each in notes)
    conversation_s = admitted * (plan.duration_s - plan.ramp_s)
    cpu_s = {group: float(use["cpu_s"]) for group, use in processes.to_json().items()}
    total_s = sum(cpu_s.values())
    cpu_s |= {ALL_BUT_BATCHER: total_s - cpu_s.get(BATCHER, 0.0), ALL: total_s}
    return Run(
        number,
        watching,
        {group: 1e3 * spent / max(1.0, conversation_s) for group, spent in cpu_s.items()},
        sessions=admitted,
        conversation_s=conversation_s,
        lines_said=sum(len(each.turns) for each in notes),
        replies=sum(len(each.replies) for each in notes),
        is_intact=all(each.is_intact and not each.dropped for each in notes),
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """Of watching, in one kind of process."""

    on_ms: float
    """CPU for each second of conversation, the median over the rounds."""
    off_ms: float
    ratio: float | None
    """The median over the rounds of on to off; None where nothing was used."""
    ratios: tuple[float, ...]
    """From the smallest to the largest."""


def costs_of(runs: Sequence[Run]) -> dict[str, Cost]:
    """By kind of process, and of all together at the end, with and without the model's."""
    sums = (ALL_BUT_BATCHER, ALL)
    groups = sorted({group for run in runs for group in run.cpu_ms} - set(sums))
    return {group: _cost(runs, group) for group in (*groups, *sums)}


def _cost(runs: Sequence[Run], group: str) -> Cost:
    spent = {(run.round, run.watching): run.cpu_ms.get(group, 0.0) for run in runs}
    rounds = sorted({number for number, _ in spent})
    pairs = [(spent[number, Watching.ON], spent[number, Watching.OFF]) for number in rounds]
    ratios = tuple(sorted(round(on / off, 4) for on, off in pairs if off > 0))
    return Cost(
        on_ms=round(median(on for on, _ in pairs), 3),
        off_ms=round(median(off for _, off in pairs), 3),
        ratio=round(median(ratios), 4) if ratios else None,
        ratios=ratios,
    )


def turns(rounds: int) -> list[tuple[int, Watching]]:
    """Who is next: A B, then B A, so that neither always comes second."""
    order = {0: (Watching.ON, Watching.OFF), 1: (Watching.OFF, Watching.ON)}
    return [
        (number, order[number % 2][place]) for number, place in product(range(rounds), range(2))
    ]


async def _look(processes: ProcessWatch, begin_after_s: float) -> None:
    await asyncio.sleep(begin_after_s)
    processes.begin()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        processes.sample()


@asynccontextmanager
async def _fetched(ports: Ports, watching: Watching) -> AsyncIterator[None]:
    """As Prometheus does it, during the block."""
    if watching is Watching.OFF:
        yield
        return
    for port in (ports.gateway, ports.batcher):  # a port that is not there fails the run
        await asyncio.to_thread(_fetch, port)

    async def fetch() -> None:
        while True:
            await asyncio.sleep(FETCH_EVERY_S)
            for port in (ports.gateway, ports.batcher):
                await asyncio.to_thread(_fetch, port)

    async with running(fetch()):
        yield


def _fetch(port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics", headers={"Accept": OPEN_METRICS}
    )
    with urllib.request.urlopen(request, timeout=FETCH_EVERY_S) as answer:
        answer.read()


def show(console: Console, costs: dict[str, Cost], counting: dict[str, float]) -> None:
    """The tables."""
    columns = ("process", "on, ms/s", "off, ms/s", "on / off", "from", "to")
    table = Table(*columns, box=None, title="CPU for each second of conversation")
    for group, cost in costs.items():
        if cost.ratio is None:
            table.add_row(group, f"{cost.on_ms:.2f}", f"{cost.off_ms:.2f}", "–", "–", "–")
            continue
        ratios = (cost.ratio, cost.ratios[0], cost.ratios[-1])
        shown = (f"{each:.3f}" for each in ratios)
        table.add_row(group, f"{cost.on_ms:.2f}", f"{cost.off_ms:.2f}", *shown)
    console.print(table)
    counted = Table("counting goes on in both", "µs", box=None)
    for name, took_us in counting.items():
        counted.add_row(name, f"{took_us:.2f}")
    console.print(counted)


def observability(
    sessions: Annotated[int, typer.Option("--sessions", "-n", min=1)] = 6,
    minutes: Annotated[float, typer.Option(help="Of one run, from first arrival to end.")] = 2.0,
    ramp_s: Annotated[float, typer.Option(help="Within which people come.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, help="Of two runs each.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the first round's people.")] = 0,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="Settings: section.name=value.")
    ] = None,
    results: Annotated[Path, typer.Option(help="JSON file.")] = RESULTS,
    log: Annotated[Path, typer.Option(help="Output of the platform.")] = Path("duologue-up.log"),
) -> None:
    """Compare a platform that is watched with one that is not."""
    console = Console(highlight=False)
    asked = {"sessions": sessions, "minutes": minutes, "ramp_s": ramp_s, "rounds": rounds}
    report = {**asked, "seed": seed, "settings": assignments or [], "machine": _machine()}
    counting, runs = counting_us(), list[Run]()
    try:
        for number, watching in turns(rounds):
            plan = LoadPlan(sessions, minutes * 60, ramp_s, None, seed + number)
            run = asyncio.run(measure(plan, number, watching, assignments or (), log))
            console.print(
                f"round {number + 1}, {watching}: {run.cpu_ms[ALL]:.1f} ms of CPU a second, "
                f"{run.sessions} people, {run.replies} replies"
            )
            runs.append(run)
            if len({each.watching for each in runs if each.round == number}) == len(Watching):
                costs = costs_of(runs)  # also now, so that a run that is broken off has figures
                _write(results, {**report, **_figures(costs, counting, runs)})
    except DuologueError as error:
        show_error(str(error))
        sys.exit(2)
    show(console, costs, counting)
    sys.exit(0 if all(run.is_intact for run in runs) else 1)


def _machine() -> dict[str, Any]:
    return {"cores": psutil.cpu_count(), "python": platform.python_version()}


def _figures(
    costs: dict[str, Cost], counting: dict[str, float], runs: Sequence[Run]
) -> dict[str, Any]:
    return {
        "costs": {group: asdict(cost) for group, cost in costs.items()},
        "counting_us": counting,
        "runs": [asdict(run) for run in runs],
    }


def _write(path: Path, report: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(observability)
