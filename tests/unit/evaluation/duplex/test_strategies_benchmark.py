"""The comparison of strategies: what it counts follows from how each shares the time."""

import json
from pathlib import Path

import pytest

from benchmarks import strategies
from benchmarks.strategies import SliceKind, Variant
from duologue.evaluation.duplex.acts import Act
from duologue.evaluation.duplex.scenario import Scenario
from tests.unit.evaluation.duplex.test_stage import QUERY, Theatre, during

OVERLAP = Scenario("overlap", (QUERY, during("and so it goes on", Act.BACKGROUND)))


@pytest.fixture(scope="module")
def variants(tiny_model: Path) -> list[Variant]:
    """Played on a tiny model."""
    lineup = strategies.lineup((0, 3))
    of_tests = Theatre(tiny_model)
    theatre = strategies.Theatre(of_tests.engine, of_tests.oracle, of_tests.setup)
    for variant in lineup:
        variant.play(OVERLAP, theatre, 5.0)
    return lineup


def test_forwards_per_slice_are_those_of_the_method(variants: list[Variant]) -> None:
    k = strategies.REPLY_TOKENS
    for variant in variants:
        if variant.tick_ms != strategies.TICK_MS or variant.strategy == "turn":
            continue
        ahead = variant.alpha
        both = max(k, 1 + ahead) if variant.strategy == "duo" else 1 + ahead + k
        undecided = variant.forwards[SliceKind.BOTH][:-1]  # the last finds that it is no query
        assert undecided, variant.name
        assert set(undecided) == {both}, variant.name
        assert set(variant.forwards[SliceKind.SPEAKING]) == {k}, variant.name


def test_ratios_stand_beside_their_targets(variants: list[Variant], tmp_path: Path) -> None:
    found = strategies.ratios(variants)
    both = [ratio for ratio in found if ratio.what == "forwards per slice, both"]
    assert [ratio.alpha for ratio in both] == [0, 3]
    assert both[0].value == pytest.approx(4 / 5)
    assert both[0].verdict == "missed"
    assert both[1].value == pytest.approx(0.525, abs=0.025)
    assert both[1].verdict == "met"
    long = [ratio for ratio in found if "2 s" in ratio.against]
    assert {ratio.what for ratio in long} == {"response latency"}
    strategies.write_json(variants, found, [OVERLAP], 5.0, tmp_path / "made" / "s.json")
    written = json.loads((tmp_path / "made" / "s.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in written["variants"]] == [each.name for each in variants]
    strategies.plot(variants, tmp_path / "s.png")
    assert (tmp_path / "s.png").stat().st_size > 1000


def test_slices_of_two_seconds_say_as_much_per_second(variants: list[Variant]) -> None:
    paces = {v.decoding.reply_tokens_per_slice / v.tick_ms for v in variants}
    assert paces == {4 / 160}


def test_a_line_for_a_turn_based_assistant_is_heard_for_free(variants: list[Variant]) -> None:
    [turn] = [variant for variant in variants if variant.strategy == "turn"]
    assert set(turn.forwards[SliceKind.LISTENING]) == {0}
    assert turn.forwards[SliceKind.BOTH] == []
