"""What watching a platform costs is compared fairly."""

from pathlib import Path

import pytest

from benchmarks.counting import counting_us
from benchmarks.observability import ALL, NOTHING, Ports, Run, Watching, costs_of, turns
from duologue.cli.options import read_options

ON, OFF = Watching.ON, Watching.OFF


def run(number: int, watching: Watching, **cpu_ms: float) -> Run:
    spent = {**cpu_ms, ALL: sum(cpu_ms.values())}
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
    assert list(costs) == ["batcher", "gateway", ALL]
    assert costs[ALL].ratio == pytest.approx(1.2)


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
