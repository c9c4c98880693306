"""What an append to the journal costs, by how the server's file is written to the disk.

    python -m benchmarks.store [--rate 200] [--sessions 32] [--seconds 10] [--json FILE]

Sessions append at random times, whether earlier appends are done or not (an open loop); the latency
counts from the time at which an append was due. The embedded server writes to `--folder`, so the
figures are also those of its disk. CPU is that of the processes between the first append and the
last: ours, which is the store's client and this benchmark's own loop, and the server's.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import psutil
from rich.console import Console
from rich.table import Table

from duologue.clock import MonotonicClock
from duologue.service_settings import StoreSettings
from duologue.session.transcript import Entry, Outcome, Role
from duologue.session_lease import Lease
from duologue.session_record import SessionRecord, TranscriptEdit
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey, Fsync
from duologue.usage import Usage

EDIT_EVERY = 10
"""One append in so many changes the transcript."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the store."""

    sessions: int
    rate: float
    """Appends in a second, all sessions together."""
    seconds: float
    entry_bytes: int
    seed: int

    def due_ms(self, session: int) -> list[float]:
        """When a session's appends are due, from the start."""
        draws = random.Random(f"{self.seed}/{session}")
        times: list[float] = []
        at_ms = 0.0
        while True:
            at_ms += draws.expovariate(self.rate / self.sessions) * 1000
            if at_ms >= self.seconds * 1000:
                return times
            times.append(at_ms)


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it. Latencies are from due to done."""

    fsync: str
    appends: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    client_cpu_us: float
    """Of this process, per append."""
    server_cpu_us: float
    """Of the server, per append."""

    @classmethod
    def of(
        cls, fsync: str, latencies_ms: Sequence[float], took_s: float, cpu_s: tuple[float, float]
    ) -> "Figures":
        ordered, count = sorted(latencies_ms), len(latencies_ms)
        shares = [ordered[min(count - 1, int(count * share))] for share in (0.5, 0.95, 0.99, 1.0)]
        costs = [seconds / count * 1e6 for seconds in cpu_s]
        return cls(fsync, count, count / took_s, *shares, *costs)


async def _append(store: Store, lease: Lease, due_ms: Sequence[float], entry: bytes) -> list[float]:
    """One session's appends; how long each took."""
    clock = MonotonicClock()
    start_ms, latencies = clock.now_ms(), []
    for number, at_ms in enumerate(due_ms):
        early_ms = start_ms + at_ms - clock.now_ms()
        if early_ms > 0:
            await asyncio.sleep(early_ms / 1000)
        said = Entry(Role.ASSISTANT, "so it is, as far as anybody knows", Outcome.COMPLETE, number)
        edit = TranscriptEdit(number // EDIT_EVERY, (said,)) if number % EDIT_EVERY == 0 else None
        await store.append(lease, entry, transcript=edit, usage=Usage(number, number, number))
        latencies.append(clock.now_ms() - start_ms - at_ms)
    return latencies


async def _leases(store: Store, count: int) -> list[Lease]:
    leases = []
    for number in range(count):
        record = SessionRecord("tenant", f"ses_{number}", b"", bytes(32), created_ms=1)
        await store.create_session(record)
        lease = await store.take_lease("tenant", record.session_id, "me", address="", node_id="")
        leases.append(lease)
    return leases


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def measure(load: Load, fsync: Fsync, folder: Path) -> Figures:
    """One run against a server of its own."""
    async with (
        EmbeddedValkey(folder, fsync=fsync) as server,
        await Store.connect(server.url, StoreSettings()) as store,
    ):
        leases, entry = await _leases(store, load.sessions), bytes(load.entry_bytes)
        due = [load.due_ms(number) for number in range(load.sessions)]
        mine_s, its_s, start_s = time.process_time(), _cpu_s(server.pid), time.perf_counter()
        calls = (_append(store, *each, entry) for each in zip(leases, due, strict=True))
        latencies = await asyncio.gather(*calls)
        took_s = time.perf_counter() - start_s
        cpu_s = time.process_time() - mine_s, _cpu_s(server.pid) - its_s
        return Figures.of(fsync, [each for row in latencies for each in row], took_s, cpu_s)


def show(all_figures: Sequence[Figures]) -> None:
    """A table of the runs."""
    table = Table("fsync", "appends/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "client", "server")
    for run in all_figures:
        times = (run.p50_ms, run.p95_ms, run.p99_ms, run.max_ms)
        costs = (f"{run.client_cpu_us:.0f} µs CPU", f"{run.server_cpu_us:.0f} µs CPU")
        table.add_row(run.fsync, f"{run.per_second:.0f}", *(f"{ms:.2f}" for ms in times), *costs)
    Console().print(table)


def main() -> None:
    """Measure each way of writing, some times in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=32)
    parser.add_argument("--rate", type=float, default=200.0, help="appends in a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--entry-bytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file")
    options = parser.parse_args()
    load = Load(options.sessions, options.rate, options.seconds, options.entry_bytes, options.seed)
    runs = []
    for _ in range(options.rounds):
        for fsync in get_args(Fsync):
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                runs.append(asyncio.run(measure(load, fsync, Path(folder))))
    show(runs)
    if options.json is not None:
        figures = {"load": asdict(load), "runs": [asdict(run) for run in runs]}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
