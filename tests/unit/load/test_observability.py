"""What watching a platform costs is compared fairly."""

from pathlib import Path

import pytest

from benchmarks.counting import counting_us
from benchmarks.crowd.notes import Notes
from benchmarks.crowd.plan import LoadPlan
from benchmarks.crowd.processes import ProcessUse, ProcessWatch
from benchmarks.observability import (
    ALL,
    ALL_BUT_BATCHER,
    NOTHING,
    Ports,
    Run,
    Watching,
    costs_of,
    run_of,
    turns,
)
from duologue.cli.options import read_options

ON, OFF = Watching.ON, Watching.OFF


def run(number: int, watching: Watching, **cpu_ms: float) -> Run:
    total_ms = sum(cpu_ms.values())
    others_ms = total_ms - cpu_ms.get("batcher", 0.0)
    spent = {**cpu_ms, ALL_BUT_BATCHER: others_ms, ALL: total_ms}
    return Run(number, watching, spent, 1, 60.0, lines_said=1, replies=1, is_intact=True)


def test_runs_take_turns_and_change_who_begins() -> None:
    assert turns(3) == [(0, ON), (0, OFF), (1, OFF), (1, ON), (2, ON), (2, OFF)]


def test_only_runs_of_one_round_are_compared() -> None:
    slow_later = [
        *(run(0, ON, gateway=11.0), run(0, OFF, gateway=10.0)),
        *(run(1, OFF, gateway=40.0), run(1, ON, gateway=41.0)),
        *(run(2, ON, gateway=102.0), run(2, OFF, gateway=100.0)),
    ]
    cost = costs_of(slow_later)["gateway"]
    assert cost.ratios == (1.02, 1.025, 1.1)
    assert cost.ratio == 1.025
    assert (cost.on_ms, cost.off_ms) == (41.0, 40.0)


def test_all_processes_count_together_too() -> None:
    costs = costs_of([run(0, ON, gateway=2.0, batcher=10.0), run(0, OFF, gateway=1.0, batcher=9.0)])
    assert list(costs) == ["batcher", "gateway", ALL_BUT_BATCHER, ALL]
    assert costs[ALL].ratio == pytest.approx(1.2)
    assert costs[ALL_BUT_BATCHER].ratio == pytest.approx(2)


def test_a_run_counts_the_seconds_of_those_who_were_let_in() -> None:
    processes = ProcessWatch(1, began_s=0.0, ended_s=50.0)
    processes.seen[1, 0.0] = ProcessUse("gateway", first_cpu_s=1.0, last_cpu_s=2.0)
    processes.seen[2, 0.0] = ProcessUse("batcher", first_cpu_s=0.0, last_cpu_s=9.0)
    notes = [Notes(0, 0.0), Notes(1, 0.0), Notes(2, 0.0, refused="full")]
    seen = run_of(0, ON, processes, notes, LoadPlan(3, 60.0, ramp_s=10.0))
    assert (seen.sessions, seen.conversation_s) == (2, 100.0)
    assert seen.cpu_ms == {"gateway": 10.0, "batcher": 90.0, ALL_BUT_BATCHER: 10.0, ALL: 100.0}


def test_a_process_that_does_nothing_has_no_ratio() -> None:
    costs = costs_of([run(0, ON, ray=0.0), run(0, OFF, ray=0.0)])
    assert costs["ray"].ratio is None


def test_the_platforms_differ_in_what_is_told_and_in_nothing_else(tmp_path: Path) -> None:
    watched = read_options(None, Ports(1, 2).settings(tmp_path)).settings
    silent = read_options(None, list(NOTHING)).settings
    assert (watched.gateway.metrics_port, watched.batching.metrics_port) == (1, 2)
    assert (silent.gateway.metrics_port, silent.batching.metrics_port) == (None, None)
    assert (watched.telemetry.sample_ratio, silent.telemetry.sample_ratio) == (1.0, 0.0)
    assert watched.telemetry.slices
    others = ("model", "decoding", "floor", "sessions", "store", "kv")
    assert all(getattr(watched, name) == getattr(silent, name) for name in others)


def test_counting_is_timed() -> None:
    assert all(took_us > 0 for took_us in counting_us().values())
