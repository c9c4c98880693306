"""How many cores this process may use: by its affinity, and by the quotas of its container.

A container with a quota of two cores on a machine of 64 sees all 64. Threads for each of them would
use up the quota in a moment, and then all of them stand still until the next period begins.
"""

import math
import os
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

ROOT = Path("/")

_V1_FOLDERS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")


def usable_cores(root: Path = ROOT) -> int:
    """Whole cores, at least one. `root` is where `proc` and `sys` are."""
    return max(1, math.floor(min(_by_affinity(), _quota(root))))


def threads_by_quota(environment: MutableMapping[str, str], root: Path = ROOT) -> None:
    """Have libraries that compute start as many threads as there are cores to use.

    They look at the affinity by themselves, so without a quota nothing is said. Before they are
    imported.
    """
    if usable_cores(root) < _by_affinity():
        environment.setdefault("OMP_NUM_THREADS", str(usable_cores(root)))


def _by_affinity() -> int:
    has_affinity = hasattr(os, "sched_getaffinity")  # Linux
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


def _quota(root: Path) -> float:
    """The least of the quotas that count for this process, in cores; infinite without one."""
    return min(_quotas(root), default=math.inf)


def _quotas(root: Path) -> Iterator[float]:
    mounted = root / "sys" / "fs" / "cgroup"
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            for folder in _up(mounted, group):
                yield from _of_pair(_text(folder / "cpu.max").split())
        elif "cpu" in controllers.split(","):
            for name in _V1_FOLDERS:
                for folder in _up(mounted / name, group):
                    quota = _text(folder / "cpu.cfs_quota_us")
                    period = _text(folder / "cpu.cfs_period_us")
                    yield from _of_pair([quota.strip(), period.strip()])


def _up(mounted: Path, group: str) -> Iterator[Path]:
    """A group's folder and those above it: the quota of each counts.

    In a container the group's name may be that of the host, and its folder the mounted one.
    """
    steps = [step for step in PurePosixPath(group).parts if step not in ("/", "..")]
    for length in range(len(steps), -1, -1):
        yield mounted.joinpath(*steps[:length])


def _of_pair(quota_and_period: list[str]) -> Iterator[float]:
    """Nothing for "max", -1, and what is not there."""
    with suppress(ValueError, ZeroDivisionError):
        quota, period = (int(text) for text in quota_and_period)
        if quota > 0:
            yield quota / period


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
