"""An open load of people who talk, over gRPC; what they notice, and what it costs the platform.

    python -m benchmarks.load --up --sessions 32 --minutes 5
    python -m benchmarks.load --address gateway:50051 --sessions 200 --stay-s 120
    python -m benchmarks.load --up --mutual-tls --sessions 32 --minutes 5

Everybody speaks word by word at a rate of their own, pauses, shows that they listen, cuts in, asks
for silence, reads what was said and thinks, by the scenarios that come with Duologue or by given
texts. Who comes when, and what is said when, does not wait for the platform; waiting is counted
from when a word was to be sent, and a reply that never comes counts as an infinite wait: a slow
platform cannot make the figures better by slowing the load down.

Ends with status 1 if any event was lost or doubled, or any session was not as its transcript says.
"""

import asyncio
import platform
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.crowd.crowd import Crowd
from benchmarks.crowd.figures import figures_of
from benchmarks.crowd.identity import Identity
from benchmarks.crowd.notes import Notes
from benchmarks.crowd.person import Manners
from benchmarks.crowd.plan import LoadPlan
from benchmarks.crowd.platform import own_platform
from benchmarks.crowd.repertoire import Repertoire
from benchmarks.crowd.report import draw, print_report, write_json
from benchmarks.crowd.watch import Watch
from duologue.cli.endpoint import Endpoint, find_endpoint
from duologue.cli.remote import open_client
from duologue.cli.terminal import show_error
from duologue.clock import MonotonicClock
from duologue.errors import DuologueError

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "load.json"
PICTURE = ROOT / "docs" / "images" / "load.png"
MAX_OWN_LATENESS_MS = 20.0
"""If this program sends words later than this at the 99th percentile, it was itself too busy."""


class Floor(StrEnum):
    """`SessionConfig.floor`, as an option of this program."""

    CONFIRMED = "confirmed"
    EAGER = "eager"


@dataclass(frozen=True, slots=True)
class Request:
    """A run as it was asked for."""

    plan: LoadPlan
    manners: Manners
    metrics_urls: tuple[str, ...]
    root_pid: int | None
    with_tls: bool = False
    """Whether a platform of one's own speaks mutual TLS everywhere."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    notes: list[Notes]
    measured_from_ms: float
    watched: dict[str, Any]

    def report(self, request: Request, settings: Sequence[str]) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "plan": asdict(request.plan),
            "commit_share": request.manners.commit_share,
            "floor": request.manners.floor,
            "mutual_tls": request.with_tls,
            "settings": list(settings),
            "machine": {
                "cores": psutil.cpu_count(),
                "memory_gib": round(psutil.virtual_memory().total / 2**30),
                "python": platform.python_version(),
            },
            **figures_of(self.notes, self.measured_from_ms),
            **self.watched,
        }


async def measure(
    request: Request,
    endpoint: Endpoint | None,
    settings: Sequence[str],
    log: Path,
    console: Console,
) -> Outcome:
    """A run against a platform that is there, or one of its own."""
    async with AsyncExitStack() as stack:
        if endpoint is None:
            console.print("starting a platform")
            identity = None
            if request.with_tls:
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                identity = Identity.make(Path(folder))
                settings = [*settings, *identity.settings]
            started, port = await stack.enter_async_context(own_platform(settings, log))
            if identity is None:
                return await run(request, started, port, console)
            # Whose metrics ask for a certificate too, which the watch does not have.
            return await run(request, identity.shown_at(started), None, console)
        return await run(request, endpoint, None, console)


async def run(
    request: Request, endpoint: Endpoint, metrics_port: int | None, console: Console
) -> Outcome:
    """Hold all conversations."""
    client = open_client(endpoint)
    async with client:
        crowd = Crowd(client, request.plan, request.manners, MonotonicClock())
        root_pid = request.root_pid or endpoint.pid
        watch = Watch(client, root_pid, request.metrics_urls, metrics_port)
        looking = asyncio.create_task(watch.look(request.plan.ramp_s))
        await _with_progress(crowd, request.plan, console)
        looking.cancel()
        await asyncio.wait({looking})
        if not looking.cancelled():
            looking.result()
        await watch.end()
    measured_from_ms = crowd.start_ms + request.plan.ramp_s * 1e3
    return Outcome(crowd.notes, measured_from_ms, watch.to_json())


async def _with_progress(crowd: Crowd, plan: LoadPlan, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("talking", total=plan.duration_s)

        def show(present: Crowd) -> None:
            said = sum(len(notes.turns) for notes in present.notes)
            text = f"{present.num_present} people, {said} lines"
            bar.update(task, completed=present.elapsed_s, description=text)

        await crowd.come_and_go(show)


def load(
    sessions: Annotated[int, typer.Option("--sessions", "-n", min=1)] = 32,
    minutes: Annotated[float, typer.Option(help="From first arrival to end.")] = 5.0,
    ramp_s: Annotated[float, typer.Option(help="Within which people come.")] = 20.0,
    stay_s: Annotated[
        float | None, typer.Option(help="Mean stay; others follow. Without: to the end.")
    ] = None,
    seed: Annotated[int, typer.Option()] = 0,
    commit_share: Annotated[
        float, typer.Option(min=0, max=1, help="Of turns that end by pressing Enter.")
    ] = 0.0,
    max_reply_tokens: Annotated[int, typer.Option(min=1)] = 160,
    floor: Annotated[
        Floor, typer.Option(help="Whether a reply is shown when it is sure, or at once.")
    ] = Floor.CONFIRMED,
    scenarios: Annotated[Path | None, typer.Option(help="YAML file or folder.")] = None,
    texts: Annotated[Path | None, typer.Option(help="Queries, one a line.")] = None,
    up: Annotated[bool, typer.Option("--up", help="Start a platform for the run.")] = False,
    mutual_tls: Annotated[
        bool, typer.Option("--mutual-tls", help="With it everywhere on that platform.")
    ] = False,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="Its settings: section.name=value.")
    ] = None,
    address: Annotated[str | None, typer.Option("--address", "-a")] = None,
    api_key: Annotated[str | None, typer.Option("--api-key", "-k")] = None,
    tls_ca: Annotated[str | None, typer.Option("--tls-ca")] = None,
    pid: Annotated[int | None, typer.Option(help="Process whose family's CPU is counted.")] = None,
    metrics_url: Annotated[
        list[str] | None, typer.Option(help="Metrics of batching actors.")
    ] = None,
    results: Annotated[Path, typer.Option(help="JSON file.")] = RESULTS,
    picture: Annotated[Path, typer.Option(help="Plot, PNG or SVG.")] = PICTURE,
    log: Annotated[Path, typer.Option(help="Output of the platform.")] = Path("duologue-up.log"),
) -> None:
    """Let people talk with a platform, and report what they notice."""
    console = Console(highlight=False)
    try:
        request = Request(
            LoadPlan(sessions, minutes * 60, ramp_s, stay_s, seed),
            Manners(Repertoire.read(scenarios, texts), max_reply_tokens, commit_share, floor),
            tuple(metrics_url or ()),
            pid,
            mutual_tls,
        )
        endpoint = None if up else find_endpoint(address, api_key, tls_ca)
        settings = [*(request.plan.platform_settings if up else ()), *(assignments or ())]
        outcome = asyncio.run(measure(request, endpoint, settings, log, console))
    except DuologueError as error:
        show_error(str(error))
        sys.exit(2)
    report = outcome.report(request, settings)
    print_report(console, report)
    write_json(report, results)
    draw(outcome.notes, outcome.measured_from_ms, picture)
    sys.exit(verdict(report, console))


def verdict(report: dict[str, Any], console: Console) -> int:
    """Exit status: 1 if anything was lost, doubled or dropped."""
    own = report["own_lateness_ms"]["p99"]
    if own is not None and own > MAX_OWN_LATENESS_MS:
        console.print(f"[yellow]this program was itself late: p99 {own} ms; use a freer machine[/]")
    is_intact = not report["integrity"]["sessions_not_intact"]
    if not is_intact:
        console.print("[bold red]events were lost or doubled[/]")
    if report["sessions"]["dropped"]:
        console.print(f"[bold red]{report['sessions']['dropped']} sessions were dropped[/]")
    return 0 if is_intact and not report["sessions"]["dropped"] else 1


if __name__ == "__main__":
    typer.run(load)
