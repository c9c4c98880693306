"""The client for pages, in a real browser before real sessions with a tiny model."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from duologue.store.valkey import EmbeddedValkey
from tests.browser import Tab, tab
from tests.gateway.real import MODEL, House, house
from tests.waiting import waiting_for

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "integrations" / "browser"
PAGE = """<!doctype html><meta charset="utf-8"><script>
%s
const told = [];
const talk = new Conversation(%s, %s, {model: %s}).on("*", event => told.push(event));
</script>"""
OUR_OWN = {"closed"}
"""What is no event of the platform's."""


@pytest.fixture
async def home(tmp_path: Path, server: EmbeddedValkey) -> AsyncIterator[House]:
    async with house(tmp_path / "house", server.url) as home:
        yield home


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Tab]:
    with tab(tmp_path / "browser") as opened:
        yield opened


def opened(browser: Tab, home: House, folder: Path, key: str) -> None:
    """Go to a page that begins a conversation."""
    script = (FOLDER / "duologue.js").read_text(encoding="utf-8").replace("export class", "class")
    url = home.url.replace("http", "ws", 1)
    path = folder / "page.html"
    path.write_text(PAGE % (script, *map(json.dumps, (url, key, MODEL))), encoding="utf-8")
    browser.open(path)


async def until(browser: Tab, kind: str) -> list[dict[str, object]]:
    """All that the page was told, once there is an event of this kind."""
    events: list[dict[str, object]] = []
    async with waiting_for(kind, lambda: events):
        while True:
            told = await asyncio.to_thread(browser.value, "JSON.stringify(told)")
            events = json.loads(told)
            if any(event["type"] == kind for event in events):
                return events
            await asyncio.sleep(0.02)


async def test_a_page_talks_and_is_answered(home: House, browser: Tab, tmp_path: Path) -> None:
    await asyncio.to_thread(opened, browser, home, tmp_path, home.key)
    say = "talk.hear('what is'); talk.hear('what is it?'); talk.commit(); talk.send.length"
    await asyncio.to_thread(browser.value, say)
    events = await until(browser, "response.done")
    kinds = [event["type"] for event in events]
    assert kinds[0] == "session.created"
    assert {"duologue.session_ready", "duologue.input_state"} <= {*kinds}
    deltas = [str(e["delta"]) for e in events if e["type"] == "response.output_text.delta"]
    (done,) = [event for event in events if event["type"] == "response.output_text.done"]
    assert "".join(deltas) == done["text"] != ""
    await asyncio.to_thread(browser.value, "talk.close()")
    (closed,) = [e for e in await until(browser, "closed") if e["type"] == "closed"]
    assert closed["code"] == 1000
    assert browser.problems == []


async def test_a_page_with_a_wrong_key_is_told_of_the_end(
    home: House, browser: Tab, tmp_path: Path
) -> None:
    await asyncio.to_thread(opened, browser, home, tmp_path, "duo_nobody")
    events = await until(browser, "closed")
    assert [event["type"] for event in events] == ["closed"]


def test_types_name_events_that_there_are() -> None:
    types = (FOLDER / "duologue.d.ts").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "openai.md").read_text(encoding="utf-8")
    sent = set(re.findall(r'\{ type: "([a-z_.]+)"', types))
    told = set(re.findall(r'^  "?([a-z_.]+)"?: \{', types, re.MULTILINE)) - {"duologue"} - OUR_OWN
    assert len(sent) == 10
    assert {"response.done", "error", "duologue.input_state"} <= told
    for name in sent | told:
        assert re.search(rf"`{re.escape(name)}[`{{]", page), name
