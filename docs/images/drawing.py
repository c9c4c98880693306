"""What the pictures are drawn with: cells, lines and text, written as an SVG file.

The same calls give the same file, byte for byte.
"""

from collections.abc import Sequence
from html import escape

FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
INK = "#1f2933"
FAINT = "#52606d"
RULE = "#cbd2d9"
FILL = {
    "trunk": "#d5dae0",
    "input": "#bcd7f8",
    "output": "#fbd0a5",
    "free": "url(#free)",
    "ahead": "#ffffff",
    "none": "#ffffff",
    "any": "#ffffff",
}
EDGE = {
    "trunk": "#616e7c",
    "input": "#2364b8",
    "output": "#c2570c",
    "free": "#9aa5b1",
    "ahead": "#2364b8",
    "none": "#e4e7eb",
    "any": "#616e7c",
}
HATCH = (
    '<defs><pattern id="free" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect width="6" height="6" fill="#ffffff"/>'
    '<path d="M-1,7 L7,-1 M-1,1 L1,-1 M5,7 L7,5" stroke="#b8c1cc" stroke-width="1.2"/>'
    "</pattern></defs>"
)


class Picture:
    """An SVG picture on a white sheet, so that it can be read on any background."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="{FONT}" role="img">',
            f"<title>{escape(title)}</title>",
            HATCH,
            f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="12" '
            f'fill="#ffffff" stroke="{RULE}"/>',
        ]

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: int = 13,
        anchor: str = "start",
        color: str = INK,
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """One line of text; `turned` lets it rise to the right."""
        weight = ' font-weight="bold"' if bold else ""
        turn = f' transform="rotate(-45 {x:g} {y:g})"' if turned else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{color}"{weight}{turn}>{escape(words)}</text>'
        )

    def cell(
        self,
        x: float,
        y: float,
        kind: str,
        label: str = "",
        *,
        width: float = 44,
        height: float = 28,
        is_new: bool = False,
        size: int = 11,
    ) -> None:
        """A cell in the colour of its kind; a new one, just computed, has a thick edge."""
        dashes = ' stroke-dasharray="4 3"' if kind == "ahead" else ""
        stroke = 2.6 if is_new else 1.0
        self._parts.append(
            f'<rect x="{x + 1:g}" y="{y:g}" width="{width - 2:g}" height="{height:g}" rx="3" '
            f'fill="{FILL[kind]}" stroke="{EDGE[kind]}" stroke-width="{stroke}"{dashes}/>'
        )
        if label:
            middle = y + height / 2 + size * 0.36
            self.text(x + width / 2, middle, label, size=size, anchor="middle")

    def cells(
        self,
        x: float,
        y: float,
        kind: str,
        labels: Sequence[str],
        *,
        width: float = 44,
        is_new: bool = False,
    ) -> float:
        """Cells side by side; returns where the next one would start."""
        for label in labels:
            self.cell(x, y, kind, label, width=width, is_new=is_new)
            x += width
        return x

    def line(self, x1: float, y1: float, x2: float, y2: float, *, color: str = FAINT) -> None:
        self._parts.append(
            f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{color}"/>'
        )

    def curve(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """From left to right, level at both ends."""
        middle = (x1 + x2) / 2
        self._parts.append(
            f'<path d="M{x1:g},{y1:g} C{middle:g},{y1:g} {middle:g},{y2:g} {x2:g},{y2:g}" '
            f'fill="none" stroke="{FAINT}" stroke-width="1.4"/>'
        )

    def arrow(self, x: float, y1: float, y2: float) -> None:
        """Straight up or down, with a head at the end."""
        back = y2 - 8 if y2 > y1 else y2 + 8
        self.line(x, y1, x, back, color=INK)
        self._parts.append(
            f'<path d="M{x - 5:g},{back:g} h10 L{x:g},{y2:g} z" fill="{INK}" stroke="none"/>'
        )

    def box(self, x: float, y: float, width: float, height: float, color: str = "#f5f7fa") -> None:
        """A light area behind what belongs together."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" '
            f'fill="{color}" stroke="{RULE}"/>'
        )

    def brace(self, x1: float, x2: float, y: float, words: str, *, below: bool = True) -> None:
        """A bracket over or under a stretch, with what it says."""
        tip = 6 if below else -6
        self._parts.append(
            f'<path d="M{x1 + 2:g},{y:g} v{tip} H{x2 - 2:g} v{-tip}" fill="none" stroke="{FAINT}"/>'
        )
        self.text((x1 + x2) / 2, y + (20 if below else -11), words, size=12, anchor="middle")

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str, bool, int]]) -> None:
        """Kinds and their meaning: (kind, words, whether new, room for it)."""
        for kind, words, is_new, room in entries:
            self.cell(x, y, kind, width=20, height=14, is_new=is_new)
            self.text(x + 26, y + 11, words, size=12, color=FAINT)
            x += room

    def svg(self) -> str:
        return "\n".join([*self._parts, "</svg>\n"])
