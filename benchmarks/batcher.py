"""Sessions at a batching actor: turnaround of their slices, and where its CPU time goes.

The batching actor is a process of its own, reached through a socket; this process plays the
sessions, real ones, whose users speak word by word and listen to the reply. Neither Ray, a gateway
nor a store is involved.

    python -m benchmarks.batcher --sessions 32 --seconds 60
    python -m benchmarks.batcher --set batching.threads=1 --environment GOMP_SPINCOUNT=0
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import psutil
import uvloop

from duologue.actors.batcher_client import RemoteSeat, describe
from duologue.clock import TickClock, UnixClock
from duologue.configuration import read_configuration
from duologue.events import InputAppend, ResponseDone, ResponseStarted
from duologue.lane.slices import SliceResult
from duologue.lane.state import LaneState
from duologue.session.session import Session
from duologue.session.setup import SessionSetup
from duologue.settings import Settings

WORD_MS = 330.0
"""What a spoken word takes: 180 words a minute."""
PAUSE_MS = (500.0, 2_500.0)
"""Between the end of a reply and the next question."""
FORWARDS = "forwards"
"""What the threads of the forward call themselves."""


@dataclass
class Figures:
    """What the sessions saw, in milliseconds."""

    turnaround_ms: list[float] = field(default_factory=list)
    first_token_ms: list[float] = field(default_factory=list)
    """From the last word of a question to the first token of the reply."""
    num_errors: int = 0
    loads: list[str] = field(default_factory=list)


@dataclass
class Player:
    """A session with a user who asks, listens, pauses, and asks again."""

    session: Session
    seat: RemoteSeat
    ticks: TickClock
    clock: UnixClock
    questions: Iterator[str]
    rng: random.Random
    figures: Figures
    _words: list[str] = field(default_factory=list)
    _next_word_ms: float = 0.0
    _asked_ms: float | None = None
    _submitted_ms: float = 0.0
    _segment: int = 0

    async def play(self, until_ms: float) -> None:
        """One slice per tick at the most, its result taken as soon as it comes."""
        reader = asyncio.create_task(self._listen())
        self._next_word_ms = self.clock.now_ms() + self.rng.uniform(*PAUSE_MS)
        while (now_ms := self.clock.now_ms()) < until_ms and not reader.done():
            self._speak(now_ms)
            work = self.session.next_slice(now_ms, self.ticks.tick_at(now_ms))
            if work is not None:
                self._submitted_ms = now_ms
                await self.seat.submit(work)
            await asyncio.sleep(self.ticks.until_next(self.clock.now_ms()) / 1000)
        await self.seat.close()
        await reader

    def _speak(self, now_ms: float) -> None:
        if self.session.lane.is_speaking or now_ms < self._next_word_ms:
            return
        if not self._words:
            self._words = next(self.questions).split()
            self._segment += 1
        word = self._words.pop(0)
        event = InputAppend(f"q{self._segment}", word + " " * bool(self._words))
        self.session.receive(event, now_ms, self.ticks.tick_at(now_ms))
        self._next_word_ms = now_ms + WORD_MS
        if not self._words:
            self._asked_ms = now_ms
            self._next_word_ms = now_ms + 10_000.0

    async def _listen(self) -> None:
        async for response in self.seat:
            now_ms = self.clock.now_ms()
            if not isinstance(response, SliceResult):
                self.figures.loads.append(str(response))
                continue
            self.figures.turnaround_ms.append(now_ms - self._submitted_ms)
            self.figures.num_errors += response.error is not None
            for envelope in self.session.absorb(response, now_ms):
                self._note(envelope.event, now_ms)

    def _note(self, event: object, now_ms: float) -> None:
        if isinstance(event, ResponseStarted) and self._asked_ms is not None:
            self.figures.first_token_ms.append(now_ms - self._asked_ms)
            self._asked_ms = None
        if isinstance(event, ResponseDone):
            self._next_word_ms = now_ms + self.rng.uniform(*PAUSE_MS)


@dataclass(frozen=True)
class CpuSeconds:
    """CPU time of a process, by the name of its threads."""

    by_thread: dict[str, float]

    @classmethod
    def of(cls, process_id: int) -> "CpuSeconds":
        ticks_per_s, found = os.sysconf("SC_CLK_TCK"), dict[str, float]()
        for thread in Path(f"/proc/{process_id}/task").iterdir():
            name, _, rest = (thread / "stat").read_text().partition("(")[2].rpartition(")")
            user, system = rest.split()[11:13]
            found[name] = found.get(name, 0.0) + (int(user) + int(system)) / ticks_per_s
        return cls(found)

    def since(self, before: "CpuSeconds") -> dict[str, float]:
        """What was used since then, by thread, largest first."""
        used = {n: s - before.by_thread.get(n, 0.0) for n, s in self.by_thread.items()}
        return dict(sorted(used.items(), key=lambda item: -item[1]))


def questions(seed: int) -> Iterator[str]:
    """The project's own prompts, in an order of their own, again and again."""
    lines = files("duologue.evaluation.faithfulness").joinpath("prompts.txt").read_text()
    prompts = [line for line in lines.splitlines() if line and not line.startswith("#")]
    random.Random(seed).shuffle(prompts)
    return itertools.cycle(prompts)


async def players(
    address: str, settings: Settings, setup: SessionSetup, count: int, figures: Figures
) -> list[Player]:
    clock, ticks = UnixClock(), TickClock(0.0, settings.decoding.tick_ms)
    found = []
    for number in range(count):
        session = Session(f"s{number}", setup)
        seat = await RemoteSeat.take(
            address,
            tenant_id="bench",
            session_id=session.session_id,
            epoch=1,
            strategy=setup.strategy,
            lane=LaneState.of(session.lane),
            profile=setup.profile,
        )
        rng = random.Random(number)
        found.append(Player(session, seat, ticks, clock, questions(number), rng, figures))
    return found


async def measure(address: str, process_id: int, args: argparse.Namespace) -> dict[str, object]:
    settings = read_configuration(None, args.set).settings
    setup = (await describe(address)).setup(settings)
    warm, figures = Figures(), Figures()
    crowd = await players(address, settings, setup, args.sessions, warm)
    until_ms = UnixClock().now_ms() + (args.warm_up + args.seconds) * 1000
    plays = [asyncio.create_task(player.play(until_ms)) for player in crowd]
    await asyncio.sleep(args.warm_up)
    for player in crowd:
        player.figures = figures
    before, own_before = CpuSeconds.of(process_id), CpuSeconds.of(os.getpid())
    profile = _profile(process_id, args)
    await asyncio.sleep(args.seconds - 1)
    used = CpuSeconds.of(process_id).since(before)
    own = CpuSeconds.of(os.getpid()).since(own_before)
    await asyncio.gather(*plays)
    if profile is not None:
        profile.wait(timeout=30)
    forwards = used.get(FORWARDS, 0.0)
    return {
        "sessions": args.sessions,
        "seconds": args.seconds - 1,
        "slices": len(figures.turnaround_ms),
        "turnaround_ms": _quantiles(figures.turnaround_ms),
        "within_a_tick": _share_within(figures.turnaround_ms, settings.decoding.tick_ms),
        "question_to_reply_ms": _quantiles(figures.first_token_ms),
        "errors": figures.num_errors,
        "loads": sorted(set(figures.loads)),
        "cpu_s": {name: round(s, 2) for name, s in used.items() if s >= 0.05},
        "outside_of_forward_threads": round((sum(used.values()) - forwards) / forwards, 3),
        "cpu_s_of_sessions": round(sum(own.values()), 2),
        "resident_mb": psutil.Process(process_id).memory_info().rss >> 20,
        "load_average": os.getloadavg()[0],
    }


def _profile(process_id: int, args: argparse.Namespace) -> subprocess.Popen[bytes] | None:
    """py-spy beside the measurement, if a file for it is named: stacks by sample, collapsed."""
    if args.profile is None:
        return None
    seconds = str(max(1, args.seconds - 2))
    command = ["py-spy", "record", "-p", str(process_id), "-d", seconds, "-t", "-f", "raw"]
    return subprocess.Popen([*command, "-r", "200", "-o", args.profile], stdout=subprocess.DEVNULL)


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
    }


def _share_within(values: Sequence[float], limit_ms: float) -> float:
    return round(sum(value <= limit_ms for value in values) / max(1, len(values)), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=10, help="seconds that are not counted")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE")
    parser.add_argument("--environment", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--profile", metavar="FILE", help="where py-spy writes what it samples")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(_run(f"unix:{folder}/b.sock", args), indent=2))


def _run(address: str, args: argparse.Namespace) -> dict[str, object]:
    assignments = itertools.chain.from_iterable(("--set", each) for each in args.set)
    command = [sys.executable, "-m", "duologue.actors.batcher_main", "--listen", address]
    environment = os.environ | dict(each.split("=", 1) for each in args.environment)
    server = subprocess.Popen(
        [*command, *assignments], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        if not server.stdout.readline():
            raise SystemExit("the batching actor did not start")
        return uvloop.run(measure(address, server.pid, args))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)


if __name__ == "__main__":
    main()
