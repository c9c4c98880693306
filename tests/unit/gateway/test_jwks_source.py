"""Keys that are fetched: within bounds, by no detour, from nobody who cannot prove who it is."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from duologue.errors import InvalidSetting
from duologue.gateway import jwks_source
from duologue.gateway.jwks_source import MAX_BYTES, JwksFile, JwksUrl, source_of
from duologue.jwt_settings import JwtSettings
from tests.certificates import make_certificate

ANSWER = b'{"keys": []}'


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match self.path:
            case "/keys":
                self._answer(200, ANSWER)
            case "/moved":
                self._answer(302, b"", ("Location", "/keys"))
            case "/large":
                self._answer(200, b" " * (MAX_BYTES + 1))
            case "/slow":
                self._drip()
            case _:
                self._answer(404, b"")

    def _answer(self, code: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """A byte now and then, for ever: no single wait is long."""
        self.send_response(200)
        self.end_headers()
        try:
            while not _over.wait(0.005):
                self.wfile.write(b" ")
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


_over = Event()


@contextmanager
def _serving(context: ssl.SSLContext | None = None) -> Iterator[str]:
    _over.clear()
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_port}"
        finally:
            _over.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def address() -> Iterator[str]:
    with _serving() as address:
        yield address


def test_an_answer(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # nothing is there
    assert JwksUrl(f"{address}/keys").read() == ANSWER


@pytest.mark.parametrize("path", ["/moved", "/large", "/none"])
def test_what_is_no_answer(address: str, path: str) -> None:
    with pytest.raises((OSError, ValueError)):
        JwksUrl(f"{address}{path}").read()


def test_an_answer_without_end(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks_source, "WITHIN_S", 0.1)
    with pytest.raises(TimeoutError, match="longer than"):
        JwksUrl(f"{address}/slow").read()


def test_nobody_there() -> None:
    with pytest.raises(OSError, match="refused"):
        JwksUrl("http://127.0.0.1:1/keys").read()


def test_certificates(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _serving(context) as address:
        assert JwksUrl(f"{address}/keys", str(certificate)).read() == ANSWER
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            JwksUrl(f"{address}/keys").read()
    with pytest.raises(InvalidSetting, match="jwks_ca must be a PEM file"):
        JwksUrl("https://127.0.0.1/keys", str(tmp_path / "none.pem"))


def test_the_settings_say_which() -> None:
    whose = {"issuer": "i", "audience": "a"}
    assert isinstance(source_of(JwtSettings(jwks="keys.json", **whose)), JwksFile)  # type: ignore[arg-type]
    assert isinstance(source_of(JwtSettings(jwks="https://x/keys", **whose)), JwksUrl)  # type: ignore[arg-type]
