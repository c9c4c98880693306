"""The strategies by name."""

from typing import get_args

from duologue.errors import InvalidSetting
from duologue.settings import StrategyName
from duologue.strategies.base import Strategy
from duologue.strategies.duo import DuoStrategy
from duologue.strategies.listen import ListenStrategy
from duologue.strategies.tdm import TdmStrategy
from duologue.strategies.turn import TurnStrategy

_STRATEGIES: dict[str, Strategy] = {
    each.name: each for each in (DuoStrategy(), TdmStrategy(), TurnStrategy(), ListenStrategy())
}
assert set(_STRATEGIES) == set(get_args(StrategyName)), "settings and strategies differ"


def speaking_strategy(name: str) -> Strategy:
    """The same, of those that give replies; raises InvalidSetting."""
    found = strategy_named(name)
    if not found.speaks:
        others = ", ".join(each.name for each in _STRATEGIES.values() if each.speaks)
        raise InvalidSetting(
            f"with the strategy {name!r} the caller speaks with a model of its own, and there are "
            f"no replies to see here: choose one of {others}"
        )
    return found


def strategy_named(name: str) -> Strategy:
    """The strategy of that name; raises InvalidSetting, naming those that there are."""
    found = _STRATEGIES.get(name)
    if found is None:
        raise InvalidSetting(
            f"must be one of {', '.join(_STRATEGIES)}, not {name!r}", field="strategy"
        )
    return found
