"""Fair shares: what a tenant with one session notices of another with thirty, and who gets what.

    python -m benchmarks.fairness

The bundled model and the batching loop run on their clock in this process; sessions are real, and
nothing is sent. A tenant's thirty sessions ask one question after the other and have replies as
fast as slices go (no pace): more than a tick holds. The small tenant asks short questions and ends
each by a commit, so that nothing depends on how a silence is judged. Measured is the time from its
last word to the first text of the reply: alone, beside the thirty, and beside them without fair
shares, in turns.

Then three tenants with 30, 10 and 10 such sessions have weights of 1, 1 and 2, and the time of
forwards that each gets is compared with its weight by Jain's index: 1 when it is as the weights
say, 1/3 when one tenant has it all.
"""

import asyncio
import itertools
import json
import random
import statistics
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.crowd.inner import InnerPlatform
from duologue.clock import MonotonicClock
from duologue.configuration import read_configuration
from duologue.events import InputState, ResponseDelta, ResponseDone, ServerEvent
from duologue.runtime.assembly import assemble
from duologue.session_config import SessionConfig
from duologue.states import State

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "fairness.json"
PICTURE = HERE.parent / "docs" / "images" / "fairness.png"

BIG_SESSIONS = 30
CONTENDERS = {"a": (30, 1.0), "b": (10, 1.0), "c": (10, 2.0)}
"""Sessions and weight of tenants that all ask for more than there is."""

SETTLE_S = 3.0
"""At the beginning of a trial, not counted: the load plan finds its way."""

WORD_S = 0.2
SHORT_WORDS = 6
THINK_S = 0.4
GIVE_UP_S = 4.0
NO_QUESTION = (State.NON_QUERY, State.HOLD)
LATENCY_TARGET, JAIN_TARGET = 1.2, 0.95

BUSY = SessionConfig(reply_tokens_per_second=0, max_reply_tokens=64, floor="eager")
SMALL = SessionConfig(max_reply_tokens=12)

ALONE, FAIR, UNFAIR = "alone", "beside 30, fair shares", "beside 30, without"


@dataclass(slots=True)
class Trial:
    """What was measured under one condition, of all rounds together."""

    waits_ms: list[float] = field(default_factory=list)
    num_unanswered: int = 0
    spent_us: dict[str, int] = field(default_factory=dict)
    num_forwards: int = 0
    num_rows: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "waits_ms": [round(each, 1) for each in self.waits_ms],
            "unanswered": self.num_unanswered,
            "forward_ms": {tenant: round(us / 1e3) for tenant, us in self.spent_us.items()},
            "rows_per_forward": round(self.num_rows / max(1, self.num_forwards), 2),
            "rows": self.num_rows,
        }


class Stage:
    """Talkers at a platform, and the trial that their figures go to."""

    def __init__(self, platform: InnerPlatform, seed: int) -> None:
        self.platform = platform
        self.trial = Trial()
        self._clock = MonotonicClock()
        self._questions = questions(seed, 100)
        self._short_questions = questions(seed, SHORT_WORDS)
        self._names = (f"s{number}" for number in itertools.count())

    async def ask_without_end(self, tenant_id: str, weight: float) -> None:
        """One question after the other, each when the reply to the last is over."""
        busy = self.platform.converse(tenant_id, next(self._names), BUSY, weight)
        async with busy as conversation:
            for number in itertools.count():
                await conversation.append(next(self._questions), f"q{number}")
                await conversation.commit()
                await self._told(conversation, ResponseDone)

    async def ask_shortly(self, tenant_id: str) -> None:
        """Short questions, word by word; what comes of each is noted."""
        small = self.platform.converse(tenant_id, next(self._names), SMALL)
        async with small as conversation:
            for number in itertools.count():
                words = next(self._short_questions).split()
                for word in words[:-1]:
                    await conversation.append(word + " ", f"q{number}")
                    await asyncio.sleep(WORD_S)
                trial, said_ms = self.trial, self._clock.now_ms()
                conversation.pass_over()
                await conversation.append(words[-1], f"q{number}")
                await conversation.commit()
                if await self._told(conversation, ResponseDelta):
                    trial.waits_ms.append(self._clock.now_ms() - said_ms)
                    await self._told(conversation, ResponseDone)
                else:
                    trial.num_unanswered += 1
                await asyncio.sleep(THINK_S)

    async def _told(self, events: AsyncIterator[ServerEvent], kind: type[ServerEvent]) -> bool:
        """Whether such an event came in time; those before it are passed over. What was not taken
        for a question is not waited for."""
        try:
            async with asyncio.timeout(GIVE_UP_S):
                async for event in events:
                    if isinstance(event, kind):
                        return True
                    if isinstance(event, InputState) and event.state in NO_QUESTION:
                        return False
        except TimeoutError:
            pass
        return False

    async def count(self, trial: Trial, seconds: float) -> None:
        """Let the talkers talk, and count from when they have settled."""
        meter = self.platform.meter
        self.trial = Trial()
        await asyncio.sleep(SETTLE_S)
        before, rows, forwards = dict(meter.spent_us), meter.num_rows, meter.num_forwards
        self.trial = trial
        await asyncio.sleep(seconds)
        self.trial = Trial()
        trial.num_rows += meter.num_rows - rows
        trial.num_forwards += meter.num_forwards - forwards
        for tenant, us in meter.spent_us.items():
            spent = us - before.get(tenant, 0)
            trial.spent_us[tenant] = trial.spent_us.get(tenant, 0) + spent


def questions(seed: int, max_words: int) -> Iterator[str]:
    """The project's own prompts that are no longer, in an order of their own, again and again."""
    lines = files("duologue.evaluation.faithfulness").joinpath("prompts.txt").read_text()
    prompts = [line for line in lines.splitlines() if line and not line.startswith("#")]
    prompts = [prompt for prompt in prompts if len(prompt.split()) <= max_words]
    random.Random(seed).shuffle(prompts)
    return itertools.cycle(prompts)


@asynccontextmanager
async def talking(*talks: Any) -> AsyncIterator[None]:
    """They talk for as long as the block."""
    tasks = [asyncio.ensure_future(talk) for talk in talks]
    try:
        yield
        failed = next((each for each in tasks if each.done()), None)
        if failed is not None:
            failed.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def jain(values: Sequence[float]) -> float:
    """Jain's index of these."""
    squares = len(values) * sum(value**2 for value in values)
    return sum(values) ** 2 / squares if squares else 0.0


async def measure(seconds: float, rounds: int, seed: int, console: Console) -> dict[str, Any]:
    settings = read_configuration(None, ["batching.max_sessions=64"]).settings
    threads = settings.batching.threads or max(1, (psutil.cpu_count() or 2) - 1)
    waits = {name: Trial() for name in (ALONE, FAIR, UNFAIR)}
    shares = {name: Trial() for name in ("fair shares", "without")}
    with InnerPlatform(assemble(settings), settings, threads) as platform:
        stage = Stage(platform, seed)
        for number in range(rounds):
            for name, trial in waits.items():
                console.print(f"round {number + 1}: {name} …")
                platform.turns.is_on = name != UNFAIR
                big = [] if name == ALONE else range(BIG_SESSIONS)
                crowd = [stage.ask_without_end("big", 1.0) for _ in big]
                async with talking(stage.ask_shortly("small"), *crowd):
                    await stage.count(trial, seconds)
        for name, trial in shares.items():
            console.print(f"three tenants: {name} …")
            platform.turns.is_on = name == "fair shares"
            crowd = [
                stage.ask_without_end(tenant, weight)
                for tenant, (count, weight) in CONTENDERS.items()
                for _ in range(count)
            ]
            async with talking(*crowd):
                await stage.count(trial, seconds)
    return {
        "machine": {"cores": psutil.cpu_count(), "load_average": psutil.getloadavg()[0]},
        "settings": {"tick_ms": settings.decoding.tick_ms, "threads": threads},
        "small_tenant": {name: trial.to_json() for name, trial in waits.items()},
        "three_tenants": {
            name: trial.to_json() | {"jain": round(jain(_by_weight(trial)), 3)}
            for name, trial in shares.items()
        },
    }


def _by_weight(trial: Trial) -> list[float]:
    return [trial.spent_us.get(name, 0) / weight for name, (_, weight) in CONTENDERS.items()]


def quantile(values: Sequence[float], share: float) -> float:
    """NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def show(report: dict[str, Any], console: Console) -> None:
    table = Table("the small tenant", "questions", "p50 ms", "p95 ms", "p50 / alone", "p95 / alone")
    alone = report["small_tenant"][ALONE]["waits_ms"]
    for name, found in report["small_tenant"].items():
        waits = found["waits_ms"]
        figures = [(quantile(waits, at), quantile(alone, at)) for at in (0.5, 0.95)]
        table.add_row(
            name,
            f"{len(waits)} + {found['unanswered']}",
            *(f"{mine:.0f}" for mine, _ in figures),
            *(f"{mine / its:.2f}" for mine, its in figures),
        )
    console.print(table)
    big = [report["small_tenant"][name] for name in (FAIR, UNFAIR)]
    told = " and ".join(f"{each['rows']} ({each['rows_per_forward']} a forward)" for each in big)
    console.print(f"rows of all, with fair shares and without: {told}")
    for name, found in report["three_tenants"].items():
        spent = found["forward_ms"]
        total = max(1, sum(spent.values()))
        parts = ", ".join(f"{tenant} {spent.get(tenant, 0) / total:.0%}" for tenant in CONTENDERS)
        console.print(
            f"three tenants, {name}: {parts}; by weight Jain {found['jain']:.3f} "
            f"(target {JAIN_TARGET}), {found['rows']} rows"
        )
    ratio = statistics.median(report["small_tenant"][FAIR]["waits_ms"]) / statistics.median(alone)
    console.print(f"the small tenant waits {ratio:.2f} times as long (target {LATENCY_TARGET})")


def draw(report: dict[str, Any], path: Path) -> None:
    """Waits of the small tenant, and shares of the three."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    colours = {ALONE: "#8c8c8c", FAIR: "#0b5fa5", UNFAIR: "#c77c11"}
    for name, found in report["small_tenant"].items():
        waits = sorted(found["waits_ms"])
        shares = [(number + 1) / len(waits) for number in range(len(waits))]
        left.step(waits, shares, where="post", label=name, color=colours[name])
    left.set(
        xlabel="last word to first text, ms", ylabel="share of questions", xscale="log", ylim=(0, 1)
    )
    left.set_title("A tenant with one session", fontsize=10)
    left.legend(frameon=False, fontsize=8)
    names = list(CONTENDERS)
    for place, (name, found) in enumerate(report["three_tenants"].items()):
        total = sum(found["forward_ms"].values())
        heights = [found["forward_ms"].get(tenant, 0) / total for tenant in names]
        at = [number + 0.27 * (place - 1) for number in range(len(names))]
        label = f"{name}: Jain {found['jain']:.2f}"
        right.bar(at, heights, 0.25, label=label, color=(colours[FAIR], colours[UNFAIR])[place])
    weights = [weight for _, weight in CONTENDERS.values()]
    due = [weight / sum(weights) for weight in weights]
    right.bar(
        [number + 0.27 for number in range(len(names))], due, 0.25, label="by weight", color="#ccc"
    )
    labels = [f"{count} sessions\nweight {weight:g}" for count, weight in CONTENDERS.values()]
    right.set_xticks(range(len(names)), labels, fontsize=8)
    right.set_ylim(0, 0.9)  # room for the legend
    right.set_ylabel("share of the forwards' time")
    right.set_title("Three tenants that want more than there is", fontsize=10)
    right.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=140)


def fairness(
    seconds: Annotated[float, typer.Option(help="Counted, of each trial.")] = 15.0,
    rounds: Annotated[int, typer.Option(help="Of the small tenant's three trials.")] = 2,
    seed: Annotated[int, typer.Option()] = 0,
    results: Annotated[Path, typer.Option(help="JSON file.")] = RESULTS,
    picture: Annotated[Path, typer.Option(help="Plot.")] = PICTURE,
) -> None:
    """Measure, print, write and draw."""
    console = Console(highlight=False)
    report = asyncio.run(measure(seconds, rounds, seed, console))
    show(report, console)
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    draw(report, picture)


if __name__ == "__main__":
    typer.run(fairness)
