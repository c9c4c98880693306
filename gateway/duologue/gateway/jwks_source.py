"""Where an issuer's keys are read from: a file, or a URL, which is asked off the event loop."""

import os
import ssl
import time
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.error import URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from duologue.errors import InvalidSetting
from duologue.jwt_settings import JwtSettings
from duologue.proxies import is_loopback

MAX_BYTES = 2**18
WITHIN_S = 5.0
_PIECE = 2**14


class JwksSource(Protocol):
    """Reads the document. Both methods block, and raise OSError or ValueError."""

    def read(self) -> bytes: ...

    def stamp(self) -> object:
        """Another one when the document has changed, as far as that can be seen without it."""
        ...


class JwksFile:
    """A file, which may be replaced at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """Its contents."""
        with self._path.open("rb") as file:
            return _bounded(file.read(MAX_BYTES + 1))

    def stamp(self) -> object:
        """Of the file that is there now, also behind a link that was turned."""
        found = os.stat(self._path)
        return found.st_ino, found.st_mtime_ns, found.st_size


class JwksUrl:
    """A URL. Redirections are not followed: they could lead anywhere."""

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        """Raises InvalidSetting if the certificates cannot be read."""
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise InvalidSetting(f"must be a PEM file: {error}", field="jwt.jwks_ca") from error
        self._url = url
        self._opener = OpenerDirector()
        handlers = (
            ProxyHandler({} if is_loopback(url.partition("://")[2]) else None),
            HTTPHandler(),
            HTTPSHandler(context=context),
            HTTPDefaultErrorHandler(),
            HTTPErrorProcessor(),
            UnknownHandler(),
        )
        for handler in handlers:
            self._opener.add_handler(handler)

    def read(self) -> bytes:
        """What is answered, within bounds of time and size."""
        until_s = time.monotonic() + WITHIN_S
        request = Request(self._url, headers={"Accept": "application/json"})
        try:
            with self._opener.open(request, timeout=WITHIN_S) as response:
                parts, num_bytes = list[bytes](), 0
                while part := response.read1(_PIECE):
                    parts.append(part)
                    num_bytes += len(part)
                    if num_bytes > MAX_BYTES:
                        break
                    if time.monotonic() >= until_s:
                        raise TimeoutError(f"it takes longer than {WITHIN_S:g} s")
        except (URLError, HTTPException) as error:
            raise OSError(str(error)) from error
        return _bounded(b"".join(parts))

    def stamp(self) -> object:
        """Only the answer says whether it has changed."""
        return None


def source_of(settings: JwtSettings) -> JwksSource:
    """The one that the settings name; raises InvalidSetting."""
    assert settings.jwks is not None
    if settings.is_url:
        return JwksUrl(settings.jwks, settings.jwks_ca)
    return JwksFile(Path(settings.jwks))


def _bounded(document: bytes) -> bytes:
    if len(document) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    return document
