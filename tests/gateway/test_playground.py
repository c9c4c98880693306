"""The playground in a real browser, before real sessions with a tiny model."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from duologue.errors import InvalidSetting
from duologue.service_settings import PLAYGROUND_PATH, GatewaySettings
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from duologue.wire.sessions import config_from_bytes
from tests.actors.premises import TENANT
from tests.browser import Tab, tab
from tests.gateway.conftest import Serve
from tests.gateway.real import House, house
from tests.gateway.relay import relay

LINK = "document.getElementById('status').dataset.link"
IS_LIVE = f"{LINK} === 'live'"
JUDGED = "(document.querySelector('#judgements td')?.textContent ?? '').trim()"
"""What was judged last."""
NOTICE = "document.getElementById('notice').textContent"
RECOGNISER = """
window.SpeechRecognition = class extends EventTarget {
  start() { window.recogniser = this; }
  stop() {}
};
window.hear = (...told) => {
  const results = told.map(([transcript, isFinal]) => Object.assign([{ transcript }], { isFinal }));
  recogniser.dispatchEvent(Object.assign(new Event("result"), { results }));
};
"""
"""Hears what it is told to."""
SESSION = "document.getElementById('session').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with tab(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
async def home(tmp_path: Path, server: EmbeddedValkey) -> AsyncIterator[House]:
    async with house(tmp_path, server.url, playground=True) as home:
        yield home


class Person:
    """Who sits before the page. The browser is waited for in a thread: the gateway runs here."""

    def __init__(self, browser: Tab, home: House) -> None:
        self._browser = browser
        self._home = home

    async def do(self, action: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.to_thread(action, *arguments)

    async def value(self, expression: str) -> Any:
        return await self.do(self._browser.value, expression)

    async def until(self, expression: str) -> None:
        try:
            await self.do(self._browser.until, expression)
        except AssertionError as error:
            seen = await self.value("document.body.innerText")
            raise AssertionError(f"waited for {expression}, and saw {seen}") from error

    async def connect(self, address: str, key: str) -> None:
        await self.do(self._browser.visit, f"http://{address}{PLAYGROUND_PATH}")
        await self.value("document.getElementById('key').focus()")
        await self.do(partial(self._browser.do, "Input.insertText", text=key))
        await self.do(self._browser.press, "Enter")

    async def write(self, text: str) -> None:
        await self.value("document.getElementById('line').focus()")
        await self.do(self._browser.type, text)

    async def say(self, text: str, state: State = State.QUERY) -> None:
        """To its end, which alone is judged as that."""
        self._home.premises.dictate(State.INCOMPLETE)
        await self.write(text[:-1])
        await self.until(f"{JUDGED}.endsWith({json.dumps(text[:-1].strip())})")
        self._home.premises.dictate(state)
        await self.do(self._browser.type, text[-1])
        await self.do(self._browser.press, "Enter")

    async def choose(self, field: str, value: str) -> None:
        await self.value("document.getElementById('settings').open = true")
        await self.value(f"document.getElementById('{field}').value = '{value}'")
        await self.value("document.querySelector('#form button').click()")


@pytest.fixture
async def person(home: House, browser: Tab) -> AsyncIterator[Person]:
    async with sitting(browser, home) as person:
        yield person


@asynccontextmanager
async def sitting(browser: Tab, home: House, address: str = "") -> AsyncIterator[Person]:
    """A person who is connected, in a tab that knows nothing of others."""
    person = Person(browser, home)
    browser.problems.clear()
    browser.requests.clear()
    await person.connect(address or str(home.gateway.http_address), home.key)
    await person.until(IS_LIVE)
    try:
        yield person
    finally:
        await person.value("sessionStorage.clear()")
        await person.do(browser.visit, "about:blank")


def replies(kind: str = "") -> str:
    """The replies, as a list within the page."""
    return f"[...document.querySelectorAll('#turns .assistant{kind}')].map(e => e.textContent)"


async def test_what_is_typed_is_judged_and_answered(
    person: Person, browser: Tab, home: House
) -> None:
    home.premises.dictate(State.INCOMPLETE)
    await person.write("what is")
    await person.until("document.getElementById('state').textContent.startsWith('incomplete')")
    await person.say(" it?")
    await person.until(f"{replies()}.length === 1")
    await person.until("document.querySelectorAll('#turns .unheard').length === 0")
    assert await person.value("document.querySelector('#turns .user .text').textContent") == (
        "what is it?"
    )
    assert await person.value("document.getElementById('line').value") == ""
    assert " ms" in await person.value("document.getElementById('latency').textContent")
    assert await person.value("document.querySelectorAll('#picture .said.bar').length") == 1
    assert await person.value("document.querySelectorAll('#picture .judged').length") > 1
    session_id = await person.value(SESSION)
    assert session_id in await person.value("document.getElementById('command').textContent")
    assert browser.problems == []
    own = f"http://{home.gateway.http_address}/"
    assert [url for url in browser.requests if not url.startswith((own, "data:"))] == []


async def test_cutting_in(person: Person) -> None:
    await person.choose("pace", "2")
    await person.say("what is it?")
    await person.until(f"{replies()}.length === 1")
    await person.say("and what is that?")
    await person.until("document.querySelectorAll('#turns .lost').length > 0")
    await person.until(f"{replies()}.length === 2")
    assert await person.value("document.querySelectorAll('#picture .cut-line').length") == 1
    assert (await person.value("document.getElementById('counts').textContent"))[0] == "1"
    heard = await person.value("document.querySelector('#turns .assistant .text').firstChild.data")
    assert len(heard or "") < 24


async def test_a_backchannel_does_not_cut(person: Person) -> None:
    await person.choose("pace", "8")
    await person.say("what is it?")
    await person.until(f"{replies()}.length === 1")
    await person.say("mhm", State.NON_QUERY)
    await person.until("document.querySelectorAll('#turns .user.ignored').length === 1")
    await person.until("document.querySelectorAll('#turns .unheard').length === 0")
    assert len(await person.value(replies())) == 1
    assert await person.value("document.querySelectorAll('#turns .lost').length") == 0
    assert (await person.value("document.getElementById('counts').textContent"))[0] == "0"


async def test_a_reply_is_stopped_by_a_key(person: Person, browser: Tab) -> None:
    await person.choose("pace", "2")
    await person.say("what is it?")
    await person.until(f"{replies()}.length === 1")
    await person.do(browser.press, "Escape")
    await person.until("document.querySelectorAll('#turns .lost').length === 1")


async def test_it_connects_again(home: House, browser: Tab) -> None:
    async with (
        relay(str(home.gateway.http_address)) as between,
        sitting(browser, home, between.address) as person,
    ):
        await person.choose("pace", "0")
        await person.say("what is it?")
        await person.until(f"{replies()}.length === 1")
        await person.until("document.querySelectorAll('#turns .unheard').length === 0")
        first = await person.value(SESSION)
        between.cut()
        await person.until(f"{LINK} !== 'live'")
        await person.until(IS_LIVE)
        await person.say("and what is that?")
        await person.until(f"{replies()}.length === 2")
        assert await person.value(SESSION) != first
        record = await home.premises.store.require_session(TENANT, await person.value(SESSION))
        history = config_from_bytes(record.config).history
        assert [turn.role for turn in history] == ["user", "assistant"]
        assert history[0].text == "what is it?"


async def test_a_wrong_key_is_told(home: House, browser: Tab) -> None:
    person = Person(browser, home)
    await person.connect(str(home.gateway.http_address), "wrong")
    await person.until(f"{LINK} === 'refused'")
    assert await person.value("document.getElementById('entry').hidden") is False
    assert "key" in await person.value("document.getElementById('status').textContent")
    await person.value("sessionStorage.clear()")


async def test_settings_reach_the_session(person: Person, home: House) -> None:
    await person.value("document.getElementById('strategy').value = 'turn'")
    await person.choose("instructions", "Be brief.")
    await person.say("what is it?")
    await person.until(f"{replies()}.length === 1")
    record = await home.premises.store.require_session(TENANT, await person.value(SESSION))
    config = config_from_bytes(record.config)
    assert (config.strategy, config.system_prompt) == ("turn", "Be brief.")
    await person.choose("max-tokens", "99999999")
    await person.until("document.getElementById('notice').className === 'wrong'")
    assert "max_output_tokens" in await person.value(NOTICE)


async def test_what_is_said_stays_text(person: Person, browser: Tab) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    await person.say(evil)
    await person.until(f"{replies()}.length === 1")
    assert await person.value("document.querySelector('#turns .user .text').textContent") == evil
    assert await person.value("document.images.length") == 0
    assert await person.value("document.title") == "Duologue playground"
    assert browser.problems == []


async def test_dictation_writes_into_the_line(home: House, browser: Tab) -> None:
    added = await asyncio.to_thread(
        partial(browser.do, "Page.addScriptToEvaluateOnNewDocument", source=RECOGNISER)
    )
    try:
        async with sitting(browser, home) as person:
            home.premises.dictate(State.INCOMPLETE)
            await person.value("document.getElementById('dictate').click()")
            await person.value("hear(['what is', false])")
            await person.until("document.getElementById('judgements').children.length > 0")
            home.premises.dictate(State.QUERY)
            await person.value("hear(['what is it?', true])")
            await person.until(f"{replies()}.length === 1")
            await person.until("document.getElementById('line').value === ''")
            await person.value("hear(['what is it?', true], [' and then?', false])")
            assert await person.value("document.getElementById('line').value") == "and then?"
    finally:
        await asyncio.to_thread(
            partial(browser.do, "Page.removeScriptToEvaluateOnNewDocument", **added)
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone_light_and_dark(person: Person, browser: Tab, scheme: str) -> None:
    def narrow(width: int) -> None:
        browser.do(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        browser.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=700,
            deviceScaleFactor=1,
            mobile=True,
        )

    await person.do(narrow, 360)
    try:
        await person.say("what is it?")
        await person.until(f"{replies()}.length === 1")
        assert await person.value("document.documentElement.scrollWidth") <= 360
        color = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
        light = sum(await person.value(color)) / 3
        assert light > 200 if scheme == "light" else light < 60
    finally:
        await person.do(browser.do, "Emulation.clearDeviceMetricsOverride")


async def test_the_tab_key_reaches_everything(person: Person, browser: Tab) -> None:
    await person.value("document.getElementById('line').focus()")
    seen = set()
    for _ in range(12):
        await person.do(browser.press, "Tab")
        seen.add(await person.value("document.activeElement.id || document.activeElement.tagName"))
    assert {"send", "stop", "first", "anew", "SUMMARY"} <= seen


async def test_it_is_served_only_when_it_is_wanted(serve: Serve) -> None:
    async with serve(http_port=0) as gateway, httpx2.AsyncClient() as client:
        answer = await client.get(f"http://{gateway.http_address}{PLAYGROUND_PATH}")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "unknown_url"
    async with serve(http_port=0, playground=True) as gateway, httpx2.AsyncClient() as client:
        answer = await client.get(f"http://{gateway.http_address}{PLAYGROUND_PATH}")
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    with pytest.raises(InvalidSetting, match=r"gateway\.playground must be set together with"):
        GatewaySettings(playground=True)
