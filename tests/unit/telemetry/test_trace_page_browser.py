"""The page of a trace in a real browser, where there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from duologue.telemetry.trace_page.page import trace_page
from tests.browser import Tab, tab
from tests.unit.telemetry.traced import SESSION
from tests.unit.telemetry.written import played

EVIL = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
FOCUSED = "document.activeElement.querySelector(':scope > title')?.textContent ?? ''"
OVERLAPS = """
[...document.querySelectorAll('#picture .word')]
  .map(word => word.getBoundingClientRect())
  .some((a, place, all) => all.slice(place + 1).some(b =>
    a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2))
"""
TOLD = "document.getElementById('told').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with tab(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page(browser: Tab, tmp_path: Path) -> Tab:
    browser.problems.clear()
    browser.requests.clear()
    browser.do("Emulation.setScriptExecutionDisabled", value=False)
    path = tmp_path / "page.html"
    path.write_text(trace_page(played(tmp_path / "traces"), SESSION), encoding="utf-8")
    browser.open(path)
    return browser


def test_it_opens_without_a_complaint_and_asks_for_nothing(page: Tab) -> None:
    assert page.value("document.documentElement.className") == "with-script"
    assert page.problems == []
    assert len(page.requests) == 1, page.requests


def test_it_is_drawn_to_scale(page: Tab) -> None:
    """What the words say is where they are seen, and each lane has the height of its name's."""
    tops = "[...document.querySelectorAll('.stage > svg, #picture')].map(e => e.clientHeight)"
    names, lanes = page.value(tops)
    assert names == lanes > 300
    assert page.value("document.getElementById('user-1').getBoundingClientRect().width") > 50
    assert page.value(OVERLAPS) is False


def test_keys_go_from_mark_to_mark(page: Tab) -> None:
    page.value("document.getElementById('user-1').focus()")
    first = page.value(FOCUSED)
    assert first.startswith("turn 1, the user: How?")
    assert page.value(TOLD) == first
    page.press("ArrowRight")
    assert page.value(FOCUSED) == "heard: How?"
    page.press("ArrowDown")
    assert page.value(FOCUSED).startswith("turn 1 judged: query")
    page.press("ArrowDown")
    page.press("End")
    assert page.value(FOCUSED).startswith("turn 2, the assistant: A little colder.")
    assert "confirmed by: final" in page.value(TOLD)
    page.press("ArrowDown")
    assert page.value(FOCUSED).startswith("slice ")
    page.press("Home")
    page.press("ArrowUp")
    assert not page.value(FOCUSED).startswith("slice ")


def test_keys_change_the_size(page: Tab) -> None:
    width = "document.getElementById('picture').getBoundingClientRect().width"
    page.value("document.getElementById('user-1').focus()")
    before = page.value(width)
    page.press("+")
    assert page.value(width) == pytest.approx(before * 1.25, rel=0.01)
    page.press("0")
    assert page.value(width) == pytest.approx(before, rel=0.01)
    page.press("-")
    assert page.value(width) < before


def test_the_tab_key_reaches_every_turn(page: Tab) -> None:
    seen = set()
    for _ in range(8):
        page.press("Tab")
        seen.add(page.value("document.activeElement.id"))
    assert {"scroll", "user-1", "assistant-1", "user-2", "assistant-2"} <= seen


def test_a_link_goes_to_its_place_in_the_picture(page: Tab) -> None:
    page.value("document.querySelector('a[href^=\"#t-\"]').click()")
    assert page.value("document.querySelector(':target').classList.contains('late')") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_differ(page: Tab, scheme: str) -> None:
    page.do(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-color-scheme", "value": scheme}],
    )
    color = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    light = sum(page.value(color)) / 3
    assert light > 200 if scheme == "light" else light < 60


def test_without_script_the_picture_is_whole(page: Tab, tmp_path: Path) -> None:
    size = "document.getElementById('picture').getBoundingClientRect().height"
    with_script = page.value(size)
    page.do("Emulation.setScriptExecutionDisabled", value=True)
    page.open(tmp_path / "page.html")
    assert page.value("document.documentElement.className") == ""
    assert page.value(size) == with_script > 300
    hint = "getComputedStyle(document.getElementById('help')).display"
    assert page.value(hint) == "none", "of keys that would do nothing"


def test_texts_do_nothing(browser: Tab, tmp_path: Path) -> None:
    browser.problems.clear()
    rows = played(tmp_path / "traces", question=(EVIL,), replies=(EVIL, EVIL, EVIL))
    path = tmp_path / "page.html"
    path.write_text(trace_page(rows, SESSION), encoding="utf-8")
    browser.open(path)
    assert browser.value("document.title") == f"Session {SESSION}"
    assert browser.value("document.images.length") == 0
    assert EVIL in browser.value("document.querySelector('tbody').textContent")
    assert browser.problems == []
