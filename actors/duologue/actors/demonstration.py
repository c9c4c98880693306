"""A scripted conversation through the whole platform, started for it and stopped after it."""

import asyncio
from dataclasses import replace

import psutil
from rich.console import Console

from duologue.actors.cluster import LocalCluster, Say
from duologue.actors.foreground import development_key
from duologue.client import SessionConfig, connect
from duologue.client.remote_conversations import RemoteConversations
from duologue.clock import MonotonicClock, sleep_ms
from duologue.errors import DuologueError
from duologue.settings import Settings
from duologue.talk.script import Script
from duologue.talk.scripted import hold_scripted
from duologue.telemetry.span_files import trace_folder
from duologue.telemetry.span_reading import newest_session, read_trace
from duologue.telemetry.waterfall import waterfall

GONE_WITHIN_S = 10.0
"""Ray's own processes take a moment to end after they were told to."""


async def demonstrate(settings: Settings, script: Script, console: Console, say: Say) -> None:
    """Start everything, hold the conversation, stop everything; then show the session's trace.

    Raises DuologueError if the platform fails, or if a process of it is left.
    """
    # A free port, so that a platform which runs here already is not in the way.
    settings = replace(settings, gateway=replace(settings.gateway, port=0))
    before = _children()
    async with LocalCluster(settings, say=say) as cluster:
        key = await development_key(cluster.store)
        async with connect(cluster.address, api_key=key) as client:
            await hold_scripted(
                RemoteConversations(client, SessionConfig()),
                script,
                console,
                clock=MonotonicClock(),
                sleep_ms=sleep_ms,
            )
        started = _children() - before
    folder = trace_folder(settings.telemetry.trace_dir)
    session = newest_session(folder)
    console.print(f"\n[b]Trace of {session}[/b]", highlight=False)
    console.print(waterfall(read_trace(folder, session), width=console.width, slices=False))
    await asyncio.to_thread(_require_gone, started)
    say("everything has stopped, and no process is left")


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _require_gone(started: set[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(list(started), timeout=GONE_WITHIN_S)
    if alive:
        names = ", ".join(f"{process.name()} ({process.pid})" for process in alive)
        raise DuologueError(f"these processes did not stop: {names}")
