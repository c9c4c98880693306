"""Evaluates PromQL on what was scraped at two times: as much of the language as our alerts use.

It knows no staleness and no extrapolation: a rate is the difference of two values over the time
between them, of series that are there both times. What it does not know raises.
"""

import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import promql_parser as ql

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Value = Vector | float

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "==": operator.eq,
}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "*": operator.mul,
    "/": lambda one, other: one / other if other else math.nan,
}
_AGGREGATES: Mapping[str, Callable[[Iterable[float]], float]] = {
    "sum": math.fsum,
    "min": min,
    "max": max,
}


@dataclass(frozen=True, slots=True)
class Scrapes:
    """Every series by its name and labels, at a first and at a last time."""

    first: Mapping[tuple[str, Labels], float]
    last: Mapping[tuple[str, Labels], float]
    apart_s: float

    def value(self, expr: str) -> Value:
        """What an expression gives at the last time."""
        return self._of(ql.parse(expr))

    def _of(self, expr: ql.Expr) -> Value:
        match expr:
            case ql.NumberLiteral():
                return expr.val
            case ql.ParenExpr():
                return self._of(expr.expr)
            case ql.VectorSelector():
                return _matching(self.last, expr)
            case ql.Call():
                return self._called(expr)
            case ql.AggregateExpr():
                return _aggregated(expr, self._vector(expr.expr))
            case ql.BinaryExpr():
                return _combined(expr, self._of(expr.lhs), self._of(expr.rhs))
        raise NotImplementedError(expr.prettify())

    def _vector(self, expr: ql.Expr) -> Vector:
        value = self._of(expr)
        assert isinstance(value, dict), f"{expr.prettify()} is no vector"
        return value

    def _called(self, call: ql.Call) -> Vector:
        name = call.func.name
        if name == "absent":
            return {} if self._vector(call.args[0]) else {frozenset(): 1.0}
        if name == "histogram_quantile":
            return _quantiles(self._vector(call.args[1]), call.args[0].val)
        chosen = call.args[0]
        assert isinstance(chosen, ql.MatrixSelector), call.prettify()
        first = _matching(self.first, chosen.vector_selector)
        last = _matching(self.last, chosen.vector_selector)
        pairs = {
            labels: (first[labels], value) for labels, value in last.items() if labels in first
        }
        match name:
            case "rate" | "increase":
                scale = chosen.range.total_seconds() if name == "increase" else 1.0
                scale /= self.apart_s
                return {labels: (new - old) * scale for labels, (old, new) in pairs.items()}
            case "avg_over_time":
                return {labels: (old + new) / 2 for labels, (old, new) in pairs.items()}
        raise NotImplementedError(name)


def _matching(series: Mapping[tuple[str, Labels], float], selector: ql.VectorSelector) -> Vector:
    return {
        labels: value
        for (name, labels), value in series.items()
        if name == selector.name
        and all(_fits(matcher, dict(labels)) for matcher in selector.matchers.matchers)
    }


def _fits(matcher: ql.Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.op:
        case ql.MatchOp.Equal:
            return value == matcher.value
        case ql.MatchOp.Re:
            return re.fullmatch(matcher.value, value) is not None
    raise NotImplementedError(str(matcher))


def _kept(labels: Labels, names: Iterable[str]) -> Labels:
    wanted = set(names)
    return frozenset(each for each in labels if each[0] in wanted)


def _aggregated(expr: ql.AggregateExpr, vector: Vector) -> Vector:
    names = expr.modifier.labels if expr.modifier is not None else []
    groups: defaultdict[Labels, list[float]] = defaultdict(list)
    for labels, value in vector.items():
        groups[_kept(labels, names)].append(value)
    aggregate = _AGGREGATES[str(expr.op)]
    return {labels: aggregate(values) for labels, values in groups.items()}


def _quantiles(buckets: Vector, share: float) -> Vector:
    histograms: defaultdict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in buckets.items():
        edge = float(dict(labels)["le"])
        histograms[frozenset(each for each in labels if each[0] != "le")].append((edge, count))
    return {labels: _quantile(sorted(edges), share) for labels, edges in histograms.items()}


def _quantile(edges: list[tuple[float, float]], share: float) -> float:
    rank = share * edges[-1][1]
    low, below = 0.0, 0.0
    for edge, count in edges:
        if count >= rank and count > below:
            return (
                low if math.isinf(edge) else low + (edge - low) * (rank - below) / (count - below)
            )
        low, below = edge, count
    return math.nan


def _combined(expr: ql.BinaryExpr, left: Value, right: Value) -> Value:
    name = str(expr.op)
    if not isinstance(left, dict) and not isinstance(right, dict):
        return _ARITHMETIC[name](left, right)
    if not isinstance(left, dict):
        assert isinstance(right, dict)
        return {labels: _ARITHMETIC[name](left, value) for labels, value in right.items()}
    if not isinstance(right, dict):
        same = right
        return _applied(name, {labels: (value, same) for labels, value in left.items()})
    matching = expr.modifier.matching if expr.modifier is not None else None
    taken = (expr.modifier.group_labels if expr.modifier is not None else None) or []

    def key(labels: Labels) -> Labels:
        return labels if matching is None else _kept(labels, matching.labels)

    others: dict[Labels, tuple[Labels, float]] = {}
    for labels, value in right.items():
        assert key(labels) not in others or name == "and", "several series on the one side"
        others[key(labels)] = (labels, value)
    if name == "and":
        return {labels: value for labels, value in left.items() if key(labels) in others}
    pairs = {
        labels | _kept(others[key(labels)][0], taken): (value, others[key(labels)][1])
        for labels, value in left.items()
        if key(labels) in others
    }
    return _applied(name, pairs)


def _applied(name: str, pairs: Mapping[Labels, tuple[float, float]]) -> Vector:
    if name in _COMPARISONS:
        compare = _COMPARISONS[name]
        return {labels: one for labels, (one, other) in pairs.items() if compare(one, other)}
    return {labels: _ARITHMETIC[name](one, other) for labels, (one, other) in pairs.items()}
