"""Draws docs/images/playground.png: the playground in a browser, in a real conversation.

    python -m benchmarks.playground docs/images/playground.png

It starts the platform with the bundled model and types: a question, a word of listening, and
another question that cuts in. Needs a Chromium.
"""

import argparse
import asyncio
import tempfile
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from time import sleep

from duologue.actors.cluster import LocalCluster
from duologue.actors.foreground import development_key
from duologue.service_settings import GatewaySettings, SessionSettings
from duologue.settings import DecodingSettings, Settings
from tests.browser import Tab, tab

KEY_EVERY_S = 0.07
WIDTH, HEIGHT, SCALE = 1080, 1080, 1.5
REPLIES = "[...document.querySelectorAll('#turns .assistant .text')]"
SHOWN_CHARS = f"{REPLIES}.at(-1)?.firstChild.length"


def main() -> None:
    """Draw it where the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path)
    asyncio.run(_draw(parser.parse_args().path))


async def _draw(path: Path) -> None:
    settings = replace(
        Settings(),
        gateway=GatewaySettings(port=0, http_port=0, playground=True, queue_ms=120_000),
        sessions=SessionSettings(warm_actors=1),
        decoding=DecodingSettings(max_reply_tokens=80),
    )
    async with LocalCluster(settings) as cluster:
        key = await development_key(cluster.store)
        url = settings.gateway.playground_url(cluster.http_address)
        assert url is not None
        with tempfile.TemporaryDirectory() as folder, tab(Path(folder)) as browser:
            await asyncio.to_thread(_converse, browser, url, key)
            told = browser.do("Page.captureScreenshot", format="png")
    path.write_bytes(b64decode(told["data"]))


def _converse(browser: Tab, url: str, key: str) -> None:
    browser.do(
        "Emulation.setDeviceMetricsOverride",
        width=WIDTH,
        height=HEIGHT,
        deviceScaleFactor=SCALE,
        mobile=False,
    )
    browser.visit(url)
    browser.value("document.getElementById('key').focus()")
    browser.do("Input.insertText", text=key)
    browser.press("Enter")
    browser.until("document.getElementById('status').dataset.link === 'live'")
    browser.value("document.getElementById('words').open = true")
    _type(browser, "What is the sea made of?")
    browser.until(f"{REPLIES}.length > 0 && {SHOWN_CHARS} > 12")
    _type(browser, "mhm")
    browser.until(f"{SHOWN_CHARS} > 50")
    _type(browser, "Wait, why is it salty?")
    browser.until(f"{REPLIES}.length > 1 && {SHOWN_CHARS} > 20")


def _type(browser: Tab, text: str) -> None:
    """As fast as people type, and to the end."""
    browser.value("document.getElementById('line').focus()")
    for character in text:
        browser.press(character)
        sleep(KEY_EVERY_S)
    browser.press("Enter")


if __name__ == "__main__":
    main()
