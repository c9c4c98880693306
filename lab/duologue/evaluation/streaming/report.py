"""The report on texts said word by word: parts of a page, and every course as a row."""

from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duologue.evaluation import plots
from duologue.evaluation.metrics import Spread
from duologue.evaluation.page import ReportPage
from duologue.evaluation.streaming.figures import StreamingFigures
from duologue.evaluation.streaming.play import StreamingSettings
from duologue.evaluation.targets import PREMATURE, SHOWN_EARLY, TargetOutcome, show_targets
from duologue.states import State

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN_TICKS = 16
_TRIGGER_COLUMNS = (
    "α",
    "triggers inside queries",
    "not taken back",
    "of the triggers: taken back",
    "text was shown",
    "queries left to finish",
    "swallowed",
    "triggers in incomplete texts",
)


def streaming_json(
    by_alpha: Sequence[StreamingFigures], settings: StreamingSettings, shipped_alpha: int
) -> dict[str, Any]:
    """The figures of all look-aheads as report.json holds them."""
    return {
        "word_ms": settings.word_ms,
        "sessions": settings.num_sessions,
        "texts": len(by_alpha[0].play.courses),
        "targets": [each.to_json() for each in outcomes(by_alpha, shipped_alpha)],
        "alpha": {str(each.play.alpha): each.to_json() for each in by_alpha},
    }


def write_courses(path: Path, by_alpha: Sequence[StreamingFigures]) -> None:
    """One JSON object for each text and look-ahead."""
    with path.open("w", encoding="utf-8") as file:
        for figures in by_alpha:
            for course in figures.play.courses:
                row = {"alpha": figures.play.alpha, **course.to_json()}
                file.write(dumps(row, ensure_ascii=False) + "\n")


def outcomes(by_alpha: Sequence[StreamingFigures], shipped_alpha: int) -> list[TargetOutcome]:
    """The target on premature triggers, at the look-ahead in force; empty if that was not played.

    All triggers count, also those that the rest of the text took back.
    """
    return [
        TargetOutcome(PREMATURE, each.premature(State.QUERY).share.value)
        for each in by_alpha
        if each.play.alpha == shipped_alpha
    ]


def rates_json(by_rate: Sequence[StreamingFigures]) -> dict[str, Any]:
    """What is computed and what is shown early at each rate, as report.json holds it."""
    return {
        str(each.word_ms): {
            "computed_early_of_words": each.premature(State.QUERY).share.to_json(),
            "shown_early_of_turns": each.shown_early.to_json(),
        }
        for each in by_rate
    }


def rate_outcomes(by_rate: Sequence[StreamingFigures]) -> list[TargetOutcome]:
    """The target on replies that are shown early, at the worst of the rates; none without any."""
    shares = [each.shown_early.value for each in by_rate]
    worst = max((share for share in shares if share is not None), default=None)
    return [TargetOutcome(SHOWN_EARLY, worst)] if by_rate else []


def show_rates(page: ReportPage, by_rate: Sequence[StreamingFigures]) -> None:
    """Early replies, rate by rate."""
    if not by_rate:
        return
    page.heading("By speaking rate")
    page.figure(
        plots.grouped_bars(
            [f"{each.word_ms} ms" for each in by_rate],
            {
                "computed early, of words": [
                    each.premature(State.QUERY).share.value for each in by_rate
                ],
                "shown early, of turns": [each.shown_early.value for each in by_rate],
            },
            "share",
            PREMATURE.limit,
        ),
        "Replies to what was not yet at its end.",
    )
    page.table(
        ["ms a word", "computed early, of words", "shown early, of turns"],
        [
            (str(each.word_ms), each.premature(State.QUERY).share.told, each.shown_early.told)
            for each in by_rate
        ],
        "A slow speaker's pause between two words may be long enough to confirm a decision.",
    )


def show_streaming(
    page: ReportPage,
    by_alpha: Sequence[StreamingFigures],
    settings: StreamingSettings,
    shipped_alpha: int,
) -> None:
    """Premature triggers, delay after the end and what was decided there, α by α."""
    page.heading("Word by word")
    page.paragraph(
        f"Each text was said to a session of its own, a word every {settings.word_ms} ms, on a "
        "simulated clock; computing takes no time on it. Decisions count as the client sees them."
    )
    show_targets(
        page,
        outcomes(by_alpha, shipped_alpha),
        f"At the look-ahead in force, α = {shipped_alpha}. Every beginning of a query counts as "
        "unfinished, also one that is a query by itself, so the share is an upper bound.",
    )
    _show_triggers(page, by_alpha)
    _show_delays(page, by_alpha)
    _show_ends(page, by_alpha)


def _show_triggers(page: ReportPage, by_alpha: Sequence[StreamingFigures]) -> None:
    triggers = [each.premature(State.QUERY) for each in by_alpha]
    page.figure(
        plots.grouped_bars(
            [f"α = {each.play.alpha}" for each in by_alpha],
            {
                "triggers": [each.share.value for each in triggers],
                "not taken back": [each.standing.value for each in triggers],
            },
            "share of the words inside queries",
            PREMATURE.limit,
        ),
        "Premature triggers.",
    )
    page.table(
        _TRIGGER_COLUMNS,
        [
            (
                str(each.play.alpha),
                found.share,
                found.standing,
                found.taken_back,
                found.spoke,
                each.spared(State.QUERY),
                each.premature(State.QUERY, State.NON_QUERY).standing,
                each.premature(State.INCOMPLETE).share,
            )
            for each, found in zip(by_alpha, triggers, strict=True)
        ],
        "Shares of words, but for “taken back” and “text was shown” (of triggers) and “left to "
        "finish” (of queries). “Swallowed”: the beginning of a query was ignored for good.",
    )


def _show_delays(page: ReportPage, by_alpha: Sequence[StreamingFigures]) -> None:
    page.figure(_waiting(by_alpha), "How soon after their end queries were decided rightly.")
    labels = [label for label in by_alpha[0].labels if label is not State.INCOMPLETE]
    rows: list[tuple[object, ...]] = []
    for label in labels:
        for each in by_alpha:
            delay = each.delay(label)
            cells = (_in_short(delay.ticks), _in_short(delay.ms), _in_short(delay.words))
            rows.append((label, str(each.play.alpha), delay.at_once, *cells))
    page.table(
        ["label", "α", "at once", "ticks", "ms", "words"],
        rows,
        "Delay from the last word to the right decision, silence rules included: mean, median and "
        "95th percentile. “Words” that would have been said meanwhile at the same rate.",
    )


def _show_ends(page: ReportPage, by_alpha: Sequence[StreamingFigures]) -> None:
    labels = [label for label in by_alpha[0].labels if label is not State.INCOMPLETE]
    page.table(
        ["label", "α", "decided rightly", "decided"],
        [
            (
                label,
                str(each.play.alpha),
                each.recall(label),
                ", ".join(f"{number} {state}" for state, number in each.ends(label).most_common()),
            )
            for label in labels
            for each in by_alpha
        ],
        "What was decided at or after the end; by then silence has decided what was unclear.",
    )
    page.table(
        ["α", "ticks", "forwards", "rows"],
        [
            (str(each.play.alpha), each.play.num_ticks, each.play.num_forwards, each.play.num_rows)
            for each in by_alpha
        ],
        "What it took.",
    )


def _in_short(spread: Spread) -> str | None:
    if spread.mean is None:
        return None
    return f"{spread.mean:.1f}, {spread.quantile(0.5):.0f}, {spread.quantile(0.95):.0f}"


def _waiting(by_alpha: Sequence[StreamingFigures]) -> str:
    """For each look-ahead the share of queries that were decided within so many ticks."""

    def paint(axes: "Axes") -> None:
        for number, each in enumerate(by_alpha):
            delays = [decision.delay_ticks for decision in each.delay(State.QUERY).decisions]
            total = each.recall(State.QUERY).total or 1
            within = [sum(d <= t for d in delays) / total for t in range(_SHOWN_TICKS)]
            colour = plots.COLOURS[number % len(plots.COLOURS)]
            label = f"α = {each.play.alpha}"
            axes.step(range(_SHOWN_TICKS), within, where="post", color=colour, label=label)
        axes.set_ylim(0, 1)
        axes.set_xlabel("ticks after the last word")
        axes.set_ylabel("share of queries")
        axes.legend(frameon=False, loc="lower right")

    return plots.draw(paint, 7.4, 3.8)
