"""The figures of the panel with their definitions, targets and the best published values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from duologue.evaluation.duplex.acts import Act
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
                return f"{spread.mean:.0f} ms (p50 {p50:.0f}, p95 {p95:.0f})"
            case float() as number:
                return f"{number:.3f}"
            case _:
                return "–"

    def is_met(self, panel: Panel) -> bool | None:
        """Whether the target is met; None without a target or without anything measured."""
        measured = self.number(panel)
        if self.target is None or measured is None:
            return None
        return Target(self.name, self.target).is_met(measured)

    def to_json(self, panel: Panel) -> dict[str, Any]:
        """Value, target and verdict."""
        value = self.read(panel)
        shown = round(value, 4) if isinstance(value, float) else value and value.to_json()
        return {"value": shown, "target": self.target, "is_met": self.is_met(panel)}


FIGURES = (
    Figure(
        "joint_score",
        "the least of yield_rate_two_ticks and the three selectivities",
        lambda panel: panel.joint_score,
        published=".489",
    ),
    Figure(
        "yield_rate_two_ticks",
        "real interruptions at which the reply was cut within two ticks of the interruption's end",
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
    Figure(
        "yield_latency",
        "from the start of an interruption until the reply was cut (L_Y)",
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
        "hold_rate",
        "demands for silence that were met: the reply cut within 2 s, and none begun",
        lambda panel: panel.hold_rate,
    ),
    Figure(
        "passed",
        "scenarios of which every expectation was met",
        lambda panel: panel.passed,
    ),
)
