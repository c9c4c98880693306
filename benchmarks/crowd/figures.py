"""From what everybody noticed to the figures of a run."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.crowd.notes import Answer, Notes, Turn

SHARES = (0.5, 0.95, 0.99)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of them does not exceed; None without any.

    Infinite where so many never came.
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def spread(values: Iterable[float]) -> dict[str, Any]:
    """Count, percentiles and maximum, in milliseconds; "never" where no time was long enough."""
    found = list(values)
    figures: dict[str, Any] = {"count": len(found)}
    for share in SHARES:
        figures[f"p{round(100 * share)}"] = _shown(percentile(found, share))
    figures["max"] = _shown(max(found, default=None))
    return figures


def figures_of(notes: Sequence[Notes], measured_from_ms: float) -> dict[str, Any]:
    """All of a run, for JSON. Latencies are of what was said since `measured_from_ms`."""
    turns = [t for n in notes for t in n.turns if t.due_end_ms >= measured_from_ms]
    gaps = [gap for n in notes for at_ms, gap in n.gaps_ms if at_ms >= measured_from_ms]
    return {
        "sessions": _sessions(notes),
        "integrity": _integrity(notes),
        "response_ms": _responses(turns),
        "yield_ms": _yields(turns),
        "judgement_ms": {
            **spread(ms for n in notes for at_ms, ms in n.judged_ms if at_ms >= measured_from_ms),
            "unjudged": sum(n.num_unjudged for n in notes),
        },
        "inter_token_ms": spread(gaps),
        "open_ms": spread(n.opened_in_ms for n in notes if n.opened_in_ms is not None),
        "answers": dict(Counter(str(t.answer) for t in turns if t.answer is not None)),
        "lines_by_kind": dict(sorted(Counter(str(t.act) for t in turns).items())),
        "own_lateness_ms": spread(late for n in notes for late in n.late_ms),
    }


def _sessions(notes: Sequence[Notes]) -> dict[str, Any]:
    return {
        "arrived": len(notes),
        "refused": sum(bool(n.refused) for n in notes),
        "dropped": sum(bool(n.dropped) for n in notes),
        "resumed": sum(n.num_resumed for n in notes),
        "lines_said": sum(len(n.turns) for n in notes),
        "lines_without_occasion": sum(n.num_unsaid for n in notes),
        "replies": sum(len(n.replies) for n in notes),
        "reply_chars": sum(len(r.text) for n in notes for r in n.replies),
        "why": dict(Counter(reason for n in notes for reason in _reasons(n))),
    }


def _reasons(notes: Notes) -> list[str]:
    return [reason for reason in (notes.refused, notes.dropped, *notes.errors) if reason]


def _integrity(notes: Sequence[Notes]) -> dict[str, int]:
    return {
        "events_lost": sum(n.num_lost for n in notes),
        "events_doubled": sum(n.num_doubled for n in notes),
        "replies_unlike_transcript": sum(n.num_garbled for n in notes),
        "events_not_taken": sum(n.num_untaken for n in notes),
        "sessions_not_intact": sum(not n.is_intact for n in notes),
    }


def _responses(turns: Sequence[Turn]) -> dict[str, Any]:
    """All waiting, and by how the query was decided; a reply that never came counts as infinite."""
    waits = {t.answer: [] for t in turns}  # type: dict[Answer | None, list[float]]
    for turn in turns:
        if turn.response_ms is not None:
            waits[turn.answer].append(turn.response_ms)
    kinds = (Answer.AT_ONCE, Answer.AFTER_SILENCE, Answer.COMMITTED)
    return {
        "all": spread(wait for found in waits.values() for wait in found),
        **{str(kind): spread(waits.get(kind, [])) for kind in kinds},
    }


def _yields(turns: Sequence[Turn]) -> dict[str, Any]:
    """Of what was meant to interrupt, and began while a reply was running."""
    cutting = [t for t in turns if t.asks and t.interrupts is not None and t.sent_end_ms]
    cut = [t for t in cutting if t.cut_ms is not None]
    return {
        "interruptions": len(cutting),
        "cut": len(cut),
        "cut_before_last_word": sum(t.yield_ms is None for t in cut),
        **spread(t.yield_ms for t in cut if t.yield_ms is not None),
    }


def _shown(value: float | None) -> float | str | None:
    if value is None:
        return None
    return "never" if math.isinf(value) else round(value, 1)
