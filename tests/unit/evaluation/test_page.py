"""The page is self-contained, escaped, and says what it cannot draw."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from duologue.evaluation import plots
from duologue.evaluation.metrics import Share, reliability
from duologue.evaluation.page import ReportPage, Verdict


def test_texts_are_escaped() -> None:
    page = ReportPage("a < b", "x & y")
    page.heading("<h>")
    page.paragraph("<script>")
    page.bullets(["<li>"])
    page.code("a > b")
    page.table(["<c>"], [["<d>"]], "<e>")
    text = page.render("<f>")
    for raw in ("<h>", "<script>", "<li><li>", "<c>", "<d>", "<e>", "<f>"):
        assert raw not in text
    assert "a &lt; b" in text
    assert "x &amp; y" in text


def test_cells() -> None:
    page = ReportPage("t")
    page.table(list("abcdef"), [[None, True, 1234, 0.5, Verdict(False), Share(1, 2)]])
    text = page.render()
    assert "<td>–</td><td>yes</td>" in text
    assert '<td class="number">1,234</td><td class="number">0.500</td>' in text
    assert '<td class="missed">missed</td><td>.500 (1/2)</td>' in text


def test_uneven_table_is_refused() -> None:
    with pytest.raises(AssertionError, match="1 cells under 2 columns"):
        ReportPage("t").table(["a", "b"], [["only one"]])


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    page = ReportPage("t")
    page.figure(plots.matrix(["a", "b"], [[3, 1], [0, 4]]), "confusion")
    page.figure(plots.reliability_diagram(reliability([0.9, 0.4], [True, False])), "reliability")
    page.image(b"\x89PNG", "a picture")
    path = tmp_path / "made" / "index.html"
    page.write(path)
    text = path.read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "<?xml" not in text
    assert not re.search(r"<(script|link|iframe)\b", text)
    sources = re.findall(r'<img[^>]+src="([^"]{10})', text)
    assert sources == ["data:image"]


def test_plots_are_svg_and_repeat_exactly() -> None:
    shares = {"query": Share(9, 10), "hold": Share(0, 0)}
    drawn = [plots.share_bars(shares, target=0.95) for _ in range(2)]
    assert drawn[0] == drawn[1]
    ElementTree.fromstring(drawn[0])
    assert "query" in drawn[0]
    assert "hold" not in drawn[0], "a share of nothing has no bar"
    grouped = plots.grouped_bars(["x", "y"], {"duo": [0.1, None], "turn": [0.2, 0.3]}, "s", 0.2)
    ElementTree.fromstring(grouped)
