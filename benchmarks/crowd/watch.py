"""Looks at the platform while people talk: its processes, its metrics, its own account."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.crowd.processes import ProcessWatch
from benchmarks.crowd.prometheus import Scrape, batcher_figures
from duologue.client import Client, ClientError

EVERY_S = 1.0


@dataclass(slots=True)
class Watch:
    """Begins when the measured time begins."""

    client: Client
    root_pid: int | None
    metrics_urls: Sequence[str]
    metrics_port: int | None = None
    """The first batching actor's port; with it, the actors' hosts are asked for."""
    processes: ProcessWatch | None = None
    shedding: list[str] = field(default_factory=list)
    """What batching actors left out, look by look."""
    late_tick_shares: list[float] = field(default_factory=list)
    _before: Scrape | None = None
    _after: Scrape | None = None

    async def look(self, begin_after_s: float) -> None:
        """Until it is cancelled."""
        await asyncio.sleep(begin_after_s)
        if self.root_pid is not None:
            self.processes = ProcessWatch(self.root_pid)
            self.processes.begin()
        if self.metrics_port is not None:
            self.metrics_urls = await self._urls(self.metrics_port)
        if self.metrics_urls:
            self._before = await asyncio.to_thread(Scrape.fetch, self.metrics_urls)
        is_operator = True
        while True:
            if self.processes is not None:
                self.processes.sample()
            if is_operator:
                is_operator = await self._ask()
            await asyncio.sleep(EVERY_S)

    async def end(self) -> None:
        """The last look, while everything still runs."""
        if self.processes is not None:
            self.processes.sample(with_memory=True)
        if self._before is not None:
            self._after = await asyncio.to_thread(Scrape.fetch, self.metrics_urls)

    def to_json(self) -> dict[str, Any]:
        """`processes` and `batcher`, as far as they could be seen, and the platform's share."""
        processes = self.processes.to_json() if self.processes is not None else {}
        batcher = None
        if self._before is not None and self._after is not None:
            batcher = batcher_figures(self._after.since(self._before))
        if batcher is not None and self.shedding:
            batcher["late_tick_share_max"] = round(max(self.late_tick_shares), 4)
            batcher["shedding_seen"] = sorted(set(self.shedding))
        return {"processes": processes, "batcher": batcher, "cpu": _shares(processes, batcher)}

    async def _urls(self, first_port: int) -> list[str]:
        """Each batching actor of a machine has the port behind that of the one before."""
        batchers = (await self.client.admin.nodes()).batchers
        hosts = [batcher.address.rpartition(":")[0] for batcher in batchers]
        ports = [first_port + hosts[:place].count(host) for place, host in enumerate(hosts)]
        return [f"http://{host}:{port}/metrics" for host, port in zip(hosts, ports, strict=True)]

    async def _ask(self) -> bool:
        """Ask the platform; returns whether it answers this key's tenant at all."""
        try:
            nodes = await self.client.admin.nodes()
        except ClientError:
            return False
        self.shedding += [each.shedding for each in nodes.batchers]
        self.late_tick_shares += [each.late_tick_share for each in nodes.batchers]
        return True


def _shares(processes: dict[str, Any], batcher: dict[str, Any] | None) -> dict[str, float] | None:
    """CPU outside of the batching actors' processes as a share of what those take.

    A forward runs on several threads, so its CPU is not its duration; the process is what can be
    measured from outside, and holds some of the platform, too.
    """
    if "batcher" not in processes:
        return None
    model_s = processes["batcher"]["cpu_s"]
    others_s = sum(use["cpu_s"] for group, use in processes.items() if group != "batcher")
    if not model_s:
        return None
    return {
        "batcher_s": model_s,
        "others_s": round(others_s, 2),
        "others_over_batcher": round(others_s / model_s, 4),
    }
