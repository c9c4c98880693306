"""A report as one self-contained HTML page: text, tables and plots, nothing loaded from elsewhere.

page = Page("State decisions", "what was measured, in a sentence")
page.heading("Recall")
page.table(["label", "recall", "target"], [["query", share, "≥ .95"]])
page.figure(bars(...), "Recall by category")      # SVG text, from `plots.py`
page.write(folder / "index.html")
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_STYLE = """
:root { color-scheme: light; --ink: #1c2430; --dim: #5d6878; --line: #d9dee6; --met: #176d3b;
  --missed: #a8321f; }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: #fff;
  max-width: 62rem; margin: 2.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.lead, figcaption, caption, footer { color: var(--dim); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; text-align: left; font-size: .88rem; padding-top: .4rem; }
th, td { padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
th { font-weight: 600; border-bottom-width: 2px; }
td.number { text-align: right; } td.met { color: var(--met); font-weight: 600; }
td.missed { color: var(--missed); font-weight: 600; }
figure { margin: 1.2rem 0; } figure svg, figure img { max-width: 100%; height: auto; }
code, pre { font: .88rem/1.5 ui-monospace, monospace; }
pre { background: #f4f6f9; padding: .8rem 1rem; overflow-x: auto; }
footer { margin-top: 3rem; font-size: .85rem; border-top: 1px solid var(--line); }
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A table cell that says whether a target was met, in words and not only in colour."""

    is_met: bool
    text: str = ""

    def __str__(self) -> str:
        return self.text or ("met" if self.is_met else "missed")


Cell = object
"""Shown as `str` has it, escaped. Numbers go to the right, None is a dash, a Verdict has colour."""


class ReportPage:
    """Collects the parts of a report, then writes them. All text is escaped."""

    def __init__(self, title: str, lead: str = "") -> None:
        self.title = title
        self._parts = [f"<h1>{escape(title)}</h1>"]
        if lead:
            self._parts.append(f'<p class="lead">{escape(lead)}</p>')

    def heading(self, text: str) -> None:
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def paragraph(self, text: str) -> None:
        self._parts.append(f"<p>{escape(text)}</p>")

    def bullets(self, items: Sequence[str]) -> None:
        entries = "".join(f"<li>{escape(item)}</li>" for item in items)
        self._parts.append(f"<ul>{entries}</ul>")

    def code(self, text: str) -> None:
        """Text as it is, such as a command."""
        self._parts.append(f"<pre>{escape(text)}</pre>")

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = ""
    ) -> None:
        """One row of cells for each of `rows`, as long as `columns`."""
        for row in rows:
            assert len(row) == len(columns), f"{len(row)} cells under {len(columns)} columns"
        head = "".join(f"<th>{escape(column)}</th>" for column in columns)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows)
        below = f"<caption>{escape(caption)}</caption>" if caption else ""
        self._parts.append(
            f'<div class="scroll"><table>{below}<thead><tr>{head}</tr></thead>'
            f"<tbody>\n{body}</tbody></table></div>"
        )

    def figure(self, svg: str, caption: str = "") -> None:
        """A plot as SVG text of our own making, which is not escaped."""
        start = svg.find("<svg")
        assert start >= 0, "a figure must be SVG"
        self._figure(svg[start:], caption)

    def image(self, png: bytes, caption: str = "") -> None:
        """A picture as PNG, laid into the page."""
        data = b64encode(png).decode("ascii")
        self._figure(f'<img src="data:image/png;base64,{data}" alt="{escape(caption)}">', caption)

    def render(self, footer: str = "") -> str:
        """The page as text."""
        foot = f"<footer><p>{escape(footer)}</p></footer>" if footer else ""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head>\n<body>\n"
            + "\n".join(self._parts)
            + f"\n{foot}</body></html>\n"
        )

    def write(self, path: Path, footer: str = "") -> None:
        """Write the page, making its folder when needed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.render(footer), encoding="utf-8")

    def _figure(self, content: str, caption: str) -> None:
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        self._parts.append(f"<figure>{content}{below}</figure>")


def _cell(cell: Cell) -> str:
    match cell:
        case None:
            return "<td>–</td>"
        case bool():
            return f"<td>{'yes' if cell else 'no'}</td>"
        case Verdict():
            return f'<td class="{"met" if cell.is_met else "missed"}">{escape(str(cell))}</td>'
        case int():
            return f'<td class="number">{cell:,}</td>'
        case float():
            return f'<td class="number">{cell:,.3f}</td>'
        case _:
            return f"<td>{escape(str(cell))}</td>"
