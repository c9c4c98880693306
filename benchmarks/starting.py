"""How long `duologue up` takes to be ready, and what the platform costs while nobody comes.

    python -m benchmarks.starting
    python -m benchmarks.starting --against ../older    another checkout, in turns with this one

Both checkouts run in this environment, so they must get along with its packages.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.crowd.processes import ProcessWatch

HERE = Path(__file__).resolve().parent.parent
ROOTS = ("platform", "actors", "gateway", "protos", "lab")
SETTLE_S = 10.0
"""After the start, until nothing is left of it to do."""
STOP_WITHIN_S = 60.0

Idle = dict[str, float]
"""Shares of a core by kind of process, and `all`."""


def start(checkout: Path, idle_s: float) -> tuple[float, Idle]:
    """Seconds until clients can come, and what is used then."""
    paths = os.pathsep.join(str(checkout / root) for root in ROOTS)
    program = "from duologue.cli.main import main; main()"
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", program, "up", "-s", "gateway.port=0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": paths},
        )
        try:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                if line.startswith("address"):
                    break
            else:
                sys.exit(f"{checkout} does not start:\n{''.join(lines)}")
            ready_s = time.monotonic() - began_s
            time.sleep(SETTLE_S)
            watch = ProcessWatch(process.pid)
            watch.begin()
            time.sleep(idle_s)
            watch.sample()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=STOP_WITHIN_S)
    cores = {name: use["cores"] for name, use in watch.to_json().items()}
    return ready_s, {**cores, "all": sum(cores.values())}


def main(
    against: Annotated[Path | None, typer.Option(help="Another checkout.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    idle_s: Annotated[float, typer.Option(min=1)] = 30.0,
) -> None:
    """Start each in turns, and print medians."""
    console = Console(highlight=False)
    checkouts = [HERE, *([against.resolve()] if against else [])]
    found: dict[Path, list[tuple[float, Idle]]] = defaultdict(list)
    start(checkouts[0], 1.0)  # what comes first reads everything from the disk
    turns = [checkout for _ in range(rounds) for checkout in checkouts]
    for checkout in track(turns, "starting", console=console):
        found[checkout].append(start(checkout, idle_s))
    table = Table("checkout", "ready after s", "idle: shares of a core")
    for checkout, runs in found.items():
        ready = sorted(seconds for seconds, _ in runs)
        kinds = sorted({kind for _, idle in runs for kind in idle})
        idle = {kind: median(each.get(kind, 0.0) for _, each in runs) for kind in kinds}
        table.add_row(
            checkout.name,
            f"{median(ready):.1f} ({ready[0]:.1f} to {ready[-1]:.1f})",
            ", ".join(f"{kind} {share:.3f}" for kind, share in idle.items()),
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
