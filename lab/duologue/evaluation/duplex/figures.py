"""The figures of the panel with their definitions, targets and the best published values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from duologue.evaluation.duplex.acts import FLOOR_KINDS, Act
from duologue.evaluation.duplex.panel import Panel
from duologue.evaluation.metrics import Share, Spread
from duologue.evaluation.targets import Target

Value = Share | Spread | float | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the panel."""

    name: str
    meaning: str
    read: Callable[[Panel], Value]
    target: float | None = None
    published: str = ""
    """The best of τ-voice's rows: on audio and other dialogues, so a mark and no comparison."""
    is_ceiling: bool = False
    """The target is to be stayed below."""
    unit: str = ""
    """Of a number that is no share."""

    @property
    def limit(self) -> Target | None:
        """What is to be reached, or stayed below."""
        return None if self.target is None else Target(self.name, self.target, self.is_ceiling)

    def number(self, panel: Panel) -> float | None:
        """The value as one number: a share, or the mean of a spread."""
        match self.read(panel):
            case Share() as share:
                return share.value
            case Spread() as spread:
                return spread.mean
            case number:
                return number

    def shown(self, panel: Panel) -> str:
        """The value as a table shows it."""
        match self.read(panel):
            case Share() as share:
                return str(share)
            case Spread() as spread if spread.mean is not None:
                p50, p95 = spread.quantile(0.5), spread.quantile(0.95)
                quantiles = f"p50 {p50:.0f}, p95 {p95:.0f}, of {len(spread.values)}"
                return f"{spread.mean:.0f} ms ({quantiles})"
            case float() as number if self.unit:
                return f"{number:.0f} {self.unit}"
            case float() as number:
                return f"{number:.3f}"
            case _:
                return "–"

    def is_met(self, panel: Panel) -> bool | None:
        """Whether the target is met; None without a target or without anything measured."""
        measured = self.number(panel)
        if self.limit is None or measured is None:
            return None
        return self.limit.is_met(measured)

    def to_json(self, panel: Panel) -> dict[str, Any]:
        """Value, target and verdict."""
        value = self.read(panel)
        shown = round(value, 4) if isinstance(value, float) else value and value.to_json()
        found = {"value": shown, "target": self.target, "is_met": self.is_met(panel)}
        return {**found, "is_ceiling": True} if self.is_ceiling else found


def _quantile(name: str, part: float, target: float, *, committed: bool) -> Figure:
    """A quantile of the response latency, with or without commits."""
    ended = "that ended with a commit" if committed else "that ended without a commit"
    return Figure(
        name,
        f"response_latency of turns {ended}: {100 * part:.0f} % of them are below",
        lambda panel: panel.latency(committed=committed).quantile(part),
        target,
        is_ceiling=True,
        unit="ms",
    )


def _passed(kind: Act) -> Figure:
    """The share of scenarios of a kind that passed."""
    return Figure(
        f"· {kind}", "of which of this kind", lambda panel: panel.of_kind(kind).passed, 0.90
    )


_LATENCIES = (
    _quantile("response_latency_p50", 0.50, 450, committed=False),
    _quantile("response_latency_p95", 0.95, 900, committed=False),
    _quantile("committed_latency_p50", 0.50, 170, committed=True),
)

FIGURES = (
    Figure(
        "joint_score",
        "the least of yield_rate_two_ticks and the three selectivities",
        lambda panel: panel.joint_score,
        published=".489",
    ),
    Figure(
        "yield_rate_two_ticks",
        "real interruptions at which the reply fell silent within two ticks of their end",
        lambda panel: panel.yield_rate_two_ticks,
        0.95,
    ),
    Figure(
        "yield_rate_after_end",
        "the same within 2 s of its end",
        lambda panel: panel.yield_rate_after_end,
    ),
    Figure(
        "yield_rate",
        "the same within 2 s of its start, as in τ-voice (R_Y)",
        lambda panel: panel.yield_rate,
        published="1.00",
    ),
    Figure(
        "selectivity_backchannel",
        "backchannels over which the reply went on, with no other begun (S_BC)",
        lambda panel: panel.selectivities["selectivity_backchannel"],
        0.90,
        ".989",
    ),
    Figure(
        "selectivity_vocal_tic",
        "the same over vocal tics; in silence, not answering them (S_VT)",
        lambda panel: panel.selectivities["selectivity_vocal_tic"],
        0.85,
        ".617",
    ),
    Figure(
        "selectivity_non_directed",
        "the same over talk meant for others and background speech (S_ND)",
        lambda panel: panel.selectivities["selectivity_non_directed"],
        0.80,
        ".577",
    ),
    Figure(
        "· for others", "of which talk meant for others", lambda p: p.selectivity(Act.FOR_OTHERS)
    ),
    Figure("· background", "of which background speech", lambda p: p.selectivity(Act.BACKGROUND)),
    Figure(
        "response_rate",
        "the user's turns that were answered before they spoke again, at most 4 s later (R_R)",
        lambda panel: panel.response_rate,
        published="1.00",
    ),
    Figure(
        "response_latency",
        "from the last word of a turn to the first text of its reply (L_R)",
        lambda panel: panel.response_latency,
        published="1150 ms",
    ),
    *_LATENCIES,
    Figure(
        "yield_latency",
        "from the start of an interruption until the reply fell silent (L_Y)",
        lambda panel: panel.yield_latency,
        published="414 ms",
    ),
    Figure(
        "yield_latency_after_end",
        "the same from its end",
        lambda panel: panel.yield_latency_after_end,
    ),
    Figure(
        "interrupts_user_rate",
        "replies begun while the user was inside a turn, that stood, per turn (I_A)",
        lambda panel: panel.interrupts_user_rate,
        published=".098",
    ),
    Figure(
        "interrupts_user_taken_back_rate",
        "the same for those taken back because the user went on",
        lambda panel: panel.interrupts_user_taken_back_rate,
    ),
    Figure(
        "pause_takeovers",
        "lines with a pause inside in which a reply began (Full-Duplex-Bench's pause TOR)",
        lambda panel: panel.pause_takeovers,
        published=".010",
    ),
    Figure(
        "pause_takeovers_stood",
        "the same, not counting what was taken back",
        lambda panel: panel.pause_takeovers_stood,
    ),
    Figure(
        "shown_withdrawn_per_turn",
        "replies of which something was shown and that were then taken back, per turn",
        lambda panel: panel.shown_withdrawn,
        0.02,
        is_ceiling=True,
    ),
    Figure(
        "split_turns",
        "turns that became two or more entries of the transcript",
        lambda panel: panel.split_turns,
    ),
    Figure(
        "replies_per_turn",
        "replies of which something was shown, per turn",
        lambda panel: panel.replies,
    ),
    Figure(
        "discarded_tokens_per_turn",
        "reply tokens that were computed, held back and never shown, per turn",
        lambda panel: panel.discarded_tokens,
    ),
    Figure(
        "paused_and_resumed",
        "for how long replies were silent that then went on",
        lambda panel: panel.paused_and_resumed,
    ),
    Figure(
        "hold_rate",
        "demands for silence that were met: silent within 2 s, and none begun",
        lambda panel: panel.hold_rate,
    ),
    Figure(
        "passed",
        "scenarios of which every expectation was met",
        lambda panel: panel.passed,
    ),
    *map(_passed, FLOOR_KINDS),
)
