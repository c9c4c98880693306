"""A scripted, timed conversation, printed as a timeline."""

import time
from collections.abc import Callable, Sequence

from rich.console import Console

from duologue.clock import Clock, MonotonicClock
from duologue.events import Envelope
from duologue.runtime.assembly import Assembly
from duologue.runtime.local import LocalRuntime
from duologue.talk.player import Player
from duologue.talk.script import Script
from duologue.talk.timeline import Timeline


def sleep_ms(duration_ms: float) -> None:
    """Let real time pass."""
    time.sleep(duration_ms / 1e3)


def hold_scripted(
    assembly: Assembly,
    script: Script,
    console: Console,
    *,
    clock: Clock | None = None,
    wait: Callable[[float], None] = sleep_ms,
) -> Timeline:
    """Hold the conversation in real time, or in whatever time `clock` and `wait` make.

    Prints the timeline as it goes, then the latency of every reply and the transcript.
    """
    clock = clock or MonotonicClock()
    timeline = Timeline(console, clock.now_ms())
    players: list[Player] = []

    def listen(session_id: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        timeline.told(envelopes, now_ms)
        for player in players:
            player.listen(envelopes)

    tick_ms = assembly.setup.decoding.tick_ms
    runtime = LocalRuntime(assembly.engine, clock, tick_ms=tick_ms, listener=listen)
    session = runtime.open("talk", assembly.setup)
    timeline.header(script.title)
    player = Player(script, session, runtime, on_note=timeline.note, on_word=timeline.heard)
    players.append(player)
    try:
        player.play(wait)
    finally:
        runtime.close("talk")
    timeline.summary(session.transcript)
    return timeline
