"""Plays scenarios under several strategies, one after the other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from duologue.engine.engine import Engine
from duologue.errors import InvalidInput
from duologue.evaluation.duplex.acts import Act
from duologue.evaluation.duplex.oracle import OracleHead
from duologue.evaluation.duplex.panel import Panel
from duologue.evaluation.duplex.record import Record
from duologue.evaluation.duplex.scenario import Scenario
from duologue.evaluation.duplex.stage import Stage
from duologue.session.setup import SessionSetup
from duologue.settings import StrategyName

OnPlayed = Callable[[Record], None]


def play_all(
    scenarios: Sequence[Scenario],
    strategies: Sequence[StrategyName],
    engine: Engine,
    setup: SessionSetup,
    *,
    forward_ms: float | None = None,
    oracle: OracleHead | None = None,
    commits: bool = False,
    on_played: OnPlayed = lambda record: None,
) -> Mapping[str, Panel]:
    """What was measured on each strategy.

    A scenario has the engine to itself, so that its latencies are those of one conversation. With
    `forward_ms` each forward is charged so much time, and the figures are the same on any machine.
    `oracle` is the engine's head where recognition is held right; with `commits` the user says of
    each turn that it is over.
    """
    panels: dict[str, Panel] = {}
    for strategy in strategies:
        chosen = replace(setup, decoding=replace(setup.decoding, strategy=strategy))
        records = []
        for scenario in scenarios:
            stage = Stage(
                scenario, engine, chosen, forward_ms=forward_ms, oracle=oracle, commits=commits
            )
            records.append(stage.play())
            on_played(records[-1])
        panels[strategy] = Panel.of(records)
    return panels


def chosen_scenarios(
    scenarios: Iterable[Scenario], kinds: Sequence[Act] = (), limit: int | None = None
) -> list[Scenario]:
    """Those of some kinds (all without `kinds`), at most `limit` of each.

    Raises InvalidInput if there are none.
    """
    chosen = list(_chosen(scenarios, kinds, limit))
    if not chosen:
        raise InvalidInput(f"no scenario is left: none is of the kind {' or '.join(kinds)}")
    return chosen


def _chosen(
    scenarios: Iterable[Scenario], kinds: Sequence[Act], limit: int | None
) -> Iterator[Scenario]:
    taken: dict[Act, int] = {}
    for scenario in scenarios:
        number = taken[scenario.kind] = taken.get(scenario.kind, 0) + 1
        is_wanted = not kinds or scenario.kind in kinds
        if is_wanted and (limit is None or number <= limit):
            yield scenario
