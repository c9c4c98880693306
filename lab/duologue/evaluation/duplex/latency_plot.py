"""How long replies took to begin, as a plot."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from duologue.evaluation import plots
from duologue.evaluation.metrics import Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def latency_plot(latencies: Mapping[str, Spread]) -> str:
    """Share of answered turns over the milliseconds by which the reply had begun, as SVG."""

    def paint(axes: "Axes") -> None:
        for number, (name, spread) in enumerate(latencies.items()):
            values = spread.values
            shares = [(place + 1) / len(values) for place in range(len(values))]
            colour = plots.COLOURS[number % len(plots.COLOURS)]
            axes.step([0.0, *values], [0.0, *shares], where="post", color=colour, label=name)
        axes.set_xlim(left=0)
        axes.set_ylim(0, 1)
        axes.set_xlabel("ms from the last word of a turn to the first text of its reply")
        axes.set_ylabel("share of answered turns")
        axes.legend(frameon=False, loc="lower right")

    return plots.draw(paint, 7.4, 3.4)
