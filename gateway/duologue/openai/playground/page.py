"""The playground's page: one document with its own style and script, and nothing from afar."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

_SCRIPTS = (
    "elements.js",
    "line.js",
    "conversation.js",
    "player.js",
    "link.js",
    "picture.js",
    "view.js",
    "dictation.js",
    "main.js",
)
"""In the order in which they need each other; together they are one script."""
_STYLE_PLACE, _SCRIPT_PLACE = "/* style */", "/* script */"


@dataclass(frozen=True, slots=True)
class PlaygroundPage:
    """What is sent, the same to everybody."""

    html: str
    headers: Mapping[str, str]


@cache
def playground() -> PlaygroundPage:
    """The page, joined from its parts."""
    style = _part("style.css")
    script = '"use strict";\n(() => {\n' + "".join(map(_part, _SCRIPTS)) + "})();\n"
    html = _part("page.html").replace(_STYLE_PLACE, style).replace(_SCRIPT_PLACE, script)
    policy = (
        "default-src 'none'",
        f"style-src '{_digest(style)}'",
        f"script-src '{_digest(script)}'",
        "connect-src 'self'",
        "img-src data:",  # the icon, which is empty
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
    headers = {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Cache-Control": "no-cache",
    }
    return PlaygroundPage(html, headers)


async def show(_request: Request) -> Response:
    """The page for whoever asks: it holds nothing secret, and can do nothing without a key."""
    page = playground()
    return Response(page.html, media_type="text/html", headers=dict(page.headers))


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
