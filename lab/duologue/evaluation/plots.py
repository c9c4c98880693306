"""Plots as SVG text, for pages. matplotlib is imported when a plot is drawn."""

from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from duologue.evaluation.metrics import ReliabilityBin, Share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#3b6fb6", "#d1733a", "#4c9f70", "#8a5fb0", "#b04a5a", "#6b7280")

Draw = Callable[["Axes"], None]


def draw(paint: Draw, width: float = 7.0, height: float = 4.0) -> str:
    """What `paint` draws on one pair of axes, in inches, as SVG."""
    import matplotlib
    from matplotlib.figure import Figure

    looks = matplotlib.rc_context(
        {
            "font.size": 10.0,
            "svg.fonttype": "none",  # text stays text: small, sharp and searchable
            "svg.hashsalt": "duologue",  # the same figures give the same file
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    with looks:
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure.subplots())
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def matrix(names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A confusion matrix: rows are true, columns what they were taken for, shades by row share."""
    totals = [sum(row) for row in counts]
    shares = [[n / (t or 1) for n in row] for row, t in zip(counts, totals, strict=True)]

    def paint(axes: "Axes") -> None:
        axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("decided")
        axes.set_ylabel("is")
        for y, row in enumerate(counts):
            for x, number in enumerate(row):
                colour = "white" if shares[y][x] > 0.6 else "black"
                text = f"{number}\n{shares[y][x]:.1%}"
                axes.text(x, y, text, ha="center", va="center", color=colour)

    return draw(paint, 5.6, 4.6)


def reliability_diagram(bins: Sequence[ReliabilityBin]) -> str:
    """Accuracy over confidence, against the diagonal; bars are as wide as the bins."""
    full = [each for each in bins if each.num_rows]
    most = max((each.num_rows for each in full), default=1)

    def paint(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color="#6b7280", linestyle="--", label="perfect")
        for each in full:
            strength = 0.25 + 0.75 * each.num_rows / most
            width = each.high - each.low
            value = each.accuracy.value or 0.0
            axes.bar(each.low, value, width, align="edge", color=COLOURS[0], alpha=strength)
            axes.plot([each.confidence], [value], marker=".", color="black")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("confidence (darker bars hold more rows)")
        axes.set_ylabel("right")
        axes.legend(loc="upper left", frameon=False)

    return draw(paint, 5.2, 4.4)


def share_bars(shares: Mapping[str, Share], target: float | None = None) -> str:
    """A bar for each share with its 95 % interval; the target, if any, is a line."""
    names = [name for name, share in shares.items() if share.value is not None]

    def paint(axes: "Axes") -> None:
        for place, name in enumerate(reversed(names)):
            share, (low, high) = shares[name], shares[name].interval
            value = share.value or 0.0
            axes.barh(place, value, color=COLOURS[0], height=0.66)
            axes.plot([low, high], [place, place], color="black", linewidth=1.0)
            axes.text(1.01, place, f"{value:.2f}  of {share.total}", va="center", fontsize=9)
        axes.set_yticks(range(len(names)), list(reversed(names)))
        axes.set_xlim(0, 1)
        if target is not None:
            axes.axvline(target, color=COLOURS[4], linestyle="--", linewidth=1.0)

    return draw(paint, 7.6, 0.9 + 0.3 * max(1, len(names)))


def grouped_bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    ylabel: str,
    target: float | None = None,
) -> str:
    """For each group one bar per series, side by side; None leaves a gap."""
    width = 0.8 / max(1, len(series))

    def paint(axes: "Axes") -> None:
        for number, (name, values) in enumerate(series.items()):
            places = [group + number * width for group in range(len(groups))]
            heights = [0.0 if value is None else value for value in values]
            colour = COLOURS[number % len(COLOURS)]
            axes.bar(places, heights, width * 0.92, align="edge", color=colour, label=name)
        axes.set_xticks([place + 0.4 for place in range(len(groups))], list(groups))
        axes.set_ylabel(ylabel)
        if target is not None:
            axes.axhline(target, color=COLOURS[4], linestyle="--", linewidth=1.0, label="target")
        axes.legend(frameon=False, fontsize=9)

    return draw(paint, 7.4, 3.8)
