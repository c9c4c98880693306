"""What the platform's processes use, by what they are."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("valkey", ("valkey-server", "redis-server")),
    ("batcher", ("batcher",)),
    ("session actors", ("sessionactor", "session_actor", "session_server")),
    ("node agent", ("nodeagent", "node_agent")),
    ("gateway", ("duologue.gateway", "duologue gateway")),
    ("ray", ("ray/", "ray::", "raylet", "gcs_server", "dashboard")),
)
"""Each process belongs to the first group of which a word is in its command line."""
OTHERS = "platform, other"


def group_of(command: Sequence[str]) -> str:
    """Which part of the platform a process is."""
    line = " ".join(command).lower()
    for group, words in _GROUPS:
        if any(word in line for word in words):
            return group
    return OTHERS


@dataclass(slots=True)
class ProcessUse:
    """One process, as far as it was seen."""

    group: str
    first_cpu_s: float
    last_cpu_s: float
    rss_bytes: int = 0
    unique_bytes: int = 0

    @property
    def cpu_s(self) -> float:
        return self.last_cpu_s - self.first_cpu_s


@dataclass(slots=True)
class ProcessWatch:
    """Follows a process and all that it started, from `begin` on."""

    root_pid: int
    seen: dict[tuple[int, float], ProcessUse] = field(default_factory=dict)
    began_s: float = 0.0
    ended_s: float = 0.0
    _is_measuring: bool = False

    def begin(self) -> None:
        """Count from now on."""
        self.sample()
        for use in self.seen.values():
            use.first_cpu_s = use.last_cpu_s
        self.began_s = time.monotonic()
        self._is_measuring = True

    def sample(self, *, with_memory: bool = False) -> None:
        """Look at every process; those that have ended keep what they were seen to use last."""
        for process in self._processes():
            try:
                times = process.cpu_times()
                cpu_s = times.user + times.system
                key = (process.pid, process.create_time())
                if key not in self.seen:
                    begin_s = 0.0 if self._is_measuring else cpu_s
                    self.seen[key] = ProcessUse(group_of(process.cmdline()), begin_s, cpu_s)
                use = self.seen[key]
                use.last_cpu_s = cpu_s
                if use.group == OTHERS:  # Ray names its workers only when they have work
                    use.group = group_of(process.cmdline())
                use.rss_bytes = max(use.rss_bytes, process.memory_info().rss)
                if with_memory:
                    use.unique_bytes = process.memory_full_info().uss
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        self.ended_s = time.monotonic()

    def to_json(self) -> dict[str, dict[str, Any]]:
        """By group: processes, seconds of CPU and cores' worth, memory."""
        took_s = max(1e-9, self.ended_s - self.began_s)
        groups: dict[str, list[ProcessUse]] = defaultdict(list)
        for use in self.seen.values():
            groups[use.group].append(use)
        return {group: _sum(uses, took_s) for group, uses in sorted(groups.items())}

    def _processes(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self.root_pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _sum(uses: Iterable[ProcessUse], took_s: float) -> dict[str, Any]:
    found = list(uses)
    cpu_s = sum(use.cpu_s for use in found)
    return {
        "processes": len(found),
        "cpu_s": round(cpu_s, 2),
        "cores": round(cpu_s / took_s, 4),
        "rss_mib": round(sum(use.rss_bytes for use in found) / 2**20),
        "unique_mib": round(sum(use.unique_bytes for use in found) / 2**20),
    }
