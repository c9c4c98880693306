"""Whether a PromQL expression can mean what it is to mean, by what metrics and labels there are.

Every part of an expression is followed to the labels that its series have, so a name, a label or a
value that does not exist is found, and two sides that never match.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import promql_parser as ql

from tests.telemetry_rules.known_metrics import TARGET_LABELS, VALUES, Kind, Known

_OF_COUNTERS = {"rate", "increase", "irate"}
_OF_GAUGES = {"delta", "deriv", "changes", "predict_linear"}
_SET_OPERATORS = {"and", "or", "unless"}
_COMPARISONS = {">", "<", ">=", "<=", "==", "!="}
_INTERVALS = re.compile(r"\$__rate_interval|\$__interval|\$__range")


@dataclass(frozen=True, slots=True)
class Series:
    """What an expression gives: vectors with these labels. A number has none at all."""

    labels: frozenset[str] | None
    kind: Kind = Kind.GAUGE
    """A counter or a bucket as long as no rate was taken of it."""
    is_histogram: bool = False
    """Whether it is buckets, or rates of them."""


@dataclass(slots=True)
class Reading:
    """One expression, and what is wrong with it."""

    known: Mapping[str, Known]
    problems: list[str] = field(default_factory=list)

    def of(self, expr: ql.Expr) -> Series:
        """What a part of it gives."""
        match expr:
            case ql.VectorSelector():
                return self._selected(expr)
            case ql.MatrixSelector():
                return self._selected(expr.vector_selector)
            case ql.Call():
                return self._called(expr)
            case ql.AggregateExpr():
                return self._aggregated(expr)
            case ql.BinaryExpr():
                return self._combined(expr)
            case ql.ParenExpr() | ql.UnaryExpr():
                return self.of(expr.expr)
            case ql.NumberLiteral() | ql.StringLiteral():
                return Series(None)
            case _:
                self.problems.append(f"{expr.prettify()}: no kind of expression that is checked")
                return Series(frozenset())

    def plain(self, expr: ql.Expr) -> Series:
        """The same of what is to be a value, not a count that goes up for ever."""
        series = self.of(expr)
        if series.kind is not Kind.GAUGE:
            self.problems.append(f"{expr.prettify()}: a {series.kind} without a rate")
        return series

    def _selected(self, selector: ql.VectorSelector) -> Series:
        name = selector.name or ""
        metric = self.known.get(name)
        if metric is None:
            self.problems.append(f"{name or selector}: no such metric")
            return Series(frozenset())
        labels = metric.labels | TARGET_LABELS
        for matcher in selector.matchers.matchers:
            if matcher.name not in labels:
                self.problems.append(f"{name}: no label {matcher.name}")
            self._check_value(name, matcher)
        return Series(labels, metric.kind, metric.kind is Kind.BUCKET)

    def _check_value(self, name: str, matcher: ql.Matcher) -> None:
        allowed = VALUES.get((name, matcher.name))
        if allowed is None or "$" in matcher.value:
            return
        is_regex = matcher.op in (ql.MatchOp.Re, ql.MatchOp.NotRe)
        values = matcher.value.split("|") if is_regex else [matcher.value]
        unknown = sorted(set(values) - allowed)
        if unknown:
            self.problems.append(f"{name}: {matcher.name} is never {', '.join(unknown)}")

    def _called(self, call: ql.Call) -> Series:
        name, arguments = call.func.name, list(call.args)
        match name:
            case "histogram_quantile":
                return self._quantile(arguments[1])
            case "absent" | "absent_over_time":
                self.of(arguments[0])
                return Series(frozenset())
            case "vector" | "scalar" | "time":
                return Series(frozenset() if name == "vector" else None)
        ranges = [
            each for each in arguments if isinstance(each, ql.MatrixSelector | ql.SubqueryExpr)
        ]
        if not ranges:
            return self.plain(arguments[0])
        series = self.of(ranges[0])
        is_for_gauges = name in _OF_GAUGES or name.endswith("_over_time")
        if name in _OF_COUNTERS and series.kind is Kind.GAUGE:
            self.problems.append(f"{call.prettify()}: {name} of a gauge")
        if is_for_gauges and series.kind is not Kind.GAUGE:
            self.problems.append(f"{call.prettify()}: {name} of a {series.kind}")
        if name not in _OF_COUNTERS and not is_for_gauges:
            self.problems.append(f"{call.prettify()}: no function that is checked")
        return Series(series.labels, Kind.GAUGE, series.is_histogram)

    def _quantile(self, buckets: ql.Expr) -> Series:
        series = self.plain(buckets)
        labels = series.labels or frozenset()
        if not series.is_histogram or "le" not in labels:
            self.problems.append(f"{buckets.prettify()}: a quantile of what has no buckets by le")
        return Series(labels - {"le"})

    def _aggregated(self, expr: ql.AggregateExpr) -> Series:
        inner = self.plain(expr.expr)
        labels = inner.labels or frozenset()
        by = expr.modifier
        if str(expr.op) in ("topk", "bottomk"):
            return Series(labels)
        named = frozenset(by.labels) if by is not None else frozenset[str]()
        for label in sorted(named - labels):
            self.problems.append(f"{expr.prettify()}: nothing in it has a label {label}")
        is_without = by is not None and by.type is ql.AggModifierType.Without
        left = labels - named if is_without else named
        return Series(left, Kind.GAUGE, inner.is_histogram)

    def _combined(self, expr: ql.BinaryExpr) -> Series:
        operator = str(expr.op)
        left, right = self.plain(expr.lhs), self.plain(expr.rhs)
        if operator not in _SET_OPERATORS and left.is_histogram != right.is_histogram:
            left = Series(left.labels)
        if left.labels is None or right.labels is None:
            return left if right.labels is None else right
        if operator == "or":
            return left
        modifier = expr.modifier
        matching = modifier.matching if modifier is not None else None
        sides = [left.labels, right.labels]
        if matching is not None:
            named = frozenset(matching.labels)
            is_on = matching.type is ql.LabelModifierType.Include
            for label in sorted(named - (left.labels & right.labels) if is_on else ()):
                self.problems.append(f"{expr.prettify()}: not both sides have a label {label}")
            sides = [side & named if is_on else side - named for side in sides]
        if sides[0] != sides[1]:
            apart = ", ".join(sorted(sides[0] ^ sides[1]))
            self.problems.append(f"{expr.prettify()}: the sides never match, because of {apart}")
        return Series(self._result_labels(expr, left.labels, right.labels))

    def _result_labels(
        self, expr: ql.BinaryExpr, left: frozenset[str], right: frozenset[str]
    ) -> frozenset[str]:
        modifier, operator = expr.modifier, str(expr.op)
        if modifier is None or operator in _SET_OPERATORS:
            return left
        matching, taken = modifier.matching, frozenset(modifier.group_labels or ())
        for label in sorted(taken - right):
            self.problems.append(f"{expr.prettify()}: the right side has no label {label}")
        if modifier.card == ql.VectorMatchCardinality.ManyToOne or matching is None:
            return left | taken
        named = frozenset(matching.labels)
        return named if matching.type is ql.LabelModifierType.Include else left - named


def read(expr: str, known: Mapping[str, Known]) -> tuple[frozenset[str], list[str]]:
    """The labels of what an expression gives, and what is wrong with it."""
    try:
        parsed = ql.parse(_INTERVALS.sub("5m", expr))
    except ValueError as error:
        return frozenset(), [f"{expr}: {error}"]
    reading = Reading(known)
    series = reading.plain(parsed)
    if series.is_histogram:
        reading.problems.append(f"{expr}: buckets without a quantile")
    return series.labels or frozenset(), reading.problems


def problems_of(expr: str, known: Mapping[str, Known]) -> Sequence[str]:
    """What is wrong with an expression."""
    return read(expr, known)[1]
