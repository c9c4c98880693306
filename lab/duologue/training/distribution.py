"""A picture of a data set: how many samples of each category, by context, as an SVG."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from duologue.states import State
from duologue.training.sample import Sample

SITUATIONS = {"alone": "#4477aa", "after turns": "#66ccee", "while speaking": "#ee6677"}
ROW_HEIGHT, LABEL_WIDTH, BAR_WIDTH, MARGIN = 20, 210, 520, 24


def distribution_svg(samples: Sequence[Sample], title: str) -> str:
    """Bars per category, grouped by label and stacked by context variant."""
    counts = Counter((sample.label, sample.category, sample.situation) for sample in samples)
    groups = sorted(
        {(sample.label, sample.category) for sample in samples},
        key=lambda group: (list(State).index(group[0]), group[1]),
    )
    largest = max(sum(counts[(*group, name)] for name in SITUATIONS) for group in groups)
    rows, height = [], MARGIN * 2 + ROW_HEIGHT
    for group in groups:
        parts = [(name, counts[(*group, name)]) for name in SITUATIONS]
        rows.append(_row(f"{group[0]}: {group[1]}", parts, height, BAR_WIDTH / largest))
        height += ROW_HEIGHT
    width = LABEL_WIDTH + BAR_WIDTH + 80
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + MARGIN}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height + MARGIN}" fill="white"/>',
            f'<text x="8" y="{MARGIN - 6}" font-size="15">{escape(title)}</text>',
            _legend(MARGIN + 12),
            *rows,
            "</svg>\n",
        ]
    )


def _row(name: str, parts: Sequence[tuple[str, int]], top: int, scale: float) -> str:
    left = float(LABEL_WIDTH)
    drawn = [f'<text x="{LABEL_WIDTH - 6}" y="{top + 14}" text-anchor="end">{escape(name)}</text>']
    for situation, count in parts:
        drawn.append(
            f'<rect x="{left:.1f}" y="{top + 3}" width="{count * scale:.1f}" '
            f'height="{ROW_HEIGHT - 6}" fill="{SITUATIONS[situation]}"/>'
        )
        left += count * scale
    total = sum(count for _, count in parts)
    drawn.append(f'<text x="{left + 5:.1f}" y="{top + 14}">{total}</text>')
    return "".join(drawn)


def _legend(top: int) -> str:
    drawn, left = [], LABEL_WIDTH
    for name, colour in SITUATIONS.items():
        drawn.append(f'<rect x="{left}" y="{top - 10}" width="12" height="12" fill="{colour}"/>')
        drawn.append(f'<text x="{left + 17}" y="{top}">{name}</text>')
        left += 130
    return "".join(drawn)
