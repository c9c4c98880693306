"""What mutual TLS costs: the same talks with it everywhere and with none, in turns.

    python -m benchmarks.mutual_tls --sessions 6 --minutes 2 --rounds 5

Every run starts a platform of its own. "on" has TLS with certificates of both sides between client
and gateway, and between gateway, node agent, session actors and batching actor; "off" has none.
Rounds, people and ratios are as in `benchmarks.observability`. The processes of the platform are
told apart; what the client pays is in neither.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.crowd.crowd import Crowd
from benchmarks.crowd.figures import figures_of
from benchmarks.crowd.identity import Identity
from benchmarks.crowd.person import Manners
from benchmarks.crowd.plan import LoadPlan
from benchmarks.crowd.platform import own_platform
from benchmarks.crowd.processes import ProcessWatch
from benchmarks.crowd.repertoire import Repertoire
from benchmarks.observability import (
    ALL,
    ALL_BUT_BATCHER,
    LOOK_EVERY_S,
    MAX_REPLY_TOKENS,
    Run,
    Watching,
    costs_of,
    run_of,
    turns,
)
from duologue.background import running
from duologue.cli.remote import open_client
from duologue.cli.terminal import show_error
from duologue.clock import MonotonicClock
from duologue.errors import DuologueError

RESULTS = Path(__file__).resolve().parent / "results" / "mutual_tls.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, and what its people noticed."""

    run: Run
    noticed: dict[str, Any]
    """Milliseconds to a response, and to open a session."""


async def measure(
    plan: LoadPlan, number: int, tls: Watching, settings: Sequence[str], log: Path
) -> Measured:
    """One run."""
    with tempfile.TemporaryDirectory() as folder:
        identity = Identity.make(Path(folder)) if tls is Watching.ON else None
        every = [*plan.platform_settings, *settings, *(identity.settings if identity else ())]
        async with own_platform(every, log) as (endpoint, _):
            endpoint = endpoint if identity is None else identity.shown_at(endpoint)
            assert endpoint.pid is not None
            processes = ProcessWatch(endpoint.pid)
            manners = Manners(Repertoire.read(), MAX_REPLY_TOKENS)
            async with open_client(endpoint) as client:
                crowd = Crowd(client, plan, manners, MonotonicClock())
                async with running(_look(processes, plan.ramp_s)):
                    await crowd.come_and_go(lambda _crowd: None)
            processes.sample()
    figures = figures_of(crowd.notes, crowd.start_ms + plan.ramp_s * 1e3)
    noticed: dict[str, Any] = {name: figures[name] for name in ("response_ms", "open_ms")}
    return Measured(run_of(number, tls, processes, crowd.notes, plan), noticed)


async def _look(processes: ProcessWatch, begin_after_s: float) -> None:
    await asyncio.sleep(begin_after_s)
    processes.begin()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        processes.sample()


def show(console: Console, measured: Sequence[Measured]) -> None:
    """The table of costs."""
    columns = ("process", "on, ms/s", "off, ms/s", "on / off", "from", "to")
    table = Table(*columns, box=None, title="CPU for each second of conversation")
    for group, cost in costs_of([each.run for each in measured]).items():
        ratios: tuple[str, ...] = ("–",) * 3
        if cost.ratio is not None:
            ratios = tuple(f"{r:.3f}" for r in (cost.ratio, cost.ratios[0], cost.ratios[-1]))
        table.add_row(group, f"{cost.on_ms:.2f}", f"{cost.off_ms:.2f}", *ratios)
    console.print(table)


def mutual_tls(
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
    """Compare a platform that speaks mutual TLS with one that speaks in clear."""
    console, measured = Console(highlight=False), list[Measured]()
    asked = {"sessions": sessions, "minutes": minutes, "ramp_s": ramp_s, "rounds": rounds}
    report = {**asked, "seed": seed, "settings": assignments or []}
    try:
        for number, tls in turns(rounds):
            plan = LoadPlan(sessions, minutes * 60, ramp_s, None, seed + number)
            found = asyncio.run(measure(plan, number, tls, assignments or (), log))
            measured.append(found)
            cpu = found.run.cpu_ms
            console.print(
                f"round {number + 1}, mutual TLS {tls}: {cpu[ALL]:.1f} ms of CPU a second "
                f"({cpu[ALL_BUT_BATCHER]:.1f} without the model's), {found.run.sessions} people, "
                f"{found.run.replies} replies; {json.dumps(found.noticed)}"
            )
            _write(results, report, measured)
    except DuologueError as error:
        show_error(str(error))
        sys.exit(2)
    show(console, measured)
    sys.exit(0 if all(each.run.is_intact for each in measured) else 1)


def _write(path: Path, report: dict[str, Any], measured: Sequence[Measured]) -> None:
    """Also now, so that a run that is broken off has figures."""
    costs: dict[str, Any] = {}
    with suppress(KeyError):  # half of a round
        costs = {name: asdict(cost) for name, cost in costs_of([m.run for m in measured]).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    runs = [asdict(each) for each in measured]
    path.write_text(json.dumps({**report, "costs": costs, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(mutual_tls)
