"""The ASGI server beside gRPC's: one port for all doors over HTTP."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from duologue.background import running
from duologue.certificates import Certificates
from duologue.errors import InvalidSetting
from duologue.gateway.allowance import Allowance
from duologue.gateway.conversation import GatewayParts
from duologue.openai.api_error import ApiError
from duologue.openai.chat_door import ChatDoor
from duologue.openai.chat_request import PARAMS as CHAT
from duologue.openai.door import Door, answer_of
from duologue.openai.playground import page as playground
from duologue.openai.realtime_door import converse
from duologue.openai.session_fields import PARAMS as REALTIME
from duologue.service_settings import PLAYGROUND_PATH, GatewaySettings

HEALTH_PATH = "/health"
_OTHER_CONNECTIONS = 1_000
"""At once, beside those of conversations."""
_BACKLOG = 1_024
_STOP_S = 1


@asynccontextmanager
async def serving_http(
    parts: GatewayParts,
    allowance: Allowance,
    certificates: Certificates | None,
    is_ready: Callable[[], bool],
) -> AsyncIterator[str | None]:
    """The doors for as long as the block, at the address that is given; None where there are none.

    `is_ready` says whether clients should come. Raises InvalidSetting for a port that is taken.
    """
    settings = parts.settings.gateway
    if settings.http_port is None:
        yield None
        return
    chats = ChatDoor(Door(parts, allowance, CHAT))
    door = Door(parts, allowance, {**REALTIME, "model": "model"})
    application = _application(door, chats, is_ready, has_playground=settings.playground)
    with _listening(settings) as listener:
        server = _InBackground(_config(application, settings, certificates))
        async with running(server.serve([listener])):
            await server.serves.wait()
            try:
                yield _address(settings, listener)
            finally:
                await chats.stop()
                await server.stop()


def _application(
    door: Door, chats: ChatDoor, is_ready: Callable[[], bool], *, has_playground: bool
) -> Starlette:
    async def realtime(websocket: WebSocket) -> None:
        await converse(door, websocket)

    async def health(_request: Request) -> Response:
        """For balancers, which have no key."""
        status, told = (200, "SERVING") if is_ready() else (503, "NOT_SERVING")
        return JSONResponse({"status": told}, status, headers={"Cache-Control": "no-store"})

    return Starlette(
        routes=[
            WebSocketRoute("/v1/realtime", realtime),
            Route("/v1/chat/completions", chats.complete, methods=["POST"]),
            Route(HEALTH_PATH, health),
            Route("/v1/models", chats.models),
            Route("/v1/models/{model:path}", chats.models),
            *([Route(PLAYGROUND_PATH, playground.show)] if has_playground else []),
        ],
        exception_handlers={HTTPException: _elsewhere},
    )


async def _elsewhere(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = f"{request.method} {request.url.path[:200]} is not served here"
    return answer_of(ApiError(told, "unknown_url", status=error.status_code))


def _config(
    application: Starlette, settings: GatewaySettings, certificates: Certificates | None
) -> Config:
    return Config(
        application,
        http=H11Protocol,
        ws=WebSocketsSansIOProtocol,
        ws_max_size=settings.max_message_bytes,
        ws_per_message_deflate=False,  # small frames, and a way to make the gateway inflate them
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=2 * settings.max_streams + _OTHER_CONNECTIONS,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_STOP_S,
        ssl_context_factory=None if certificates is None else lambda *_: _tls(certificates),
    )


def _tls(certificates: Certificates) -> ssl.SSLContext:
    """For each connection the certificate as it is then."""

    def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = certificates.current().server_context

    context = certificates.current().server_context
    context.sni_callback = choose
    return context


@contextmanager
def _listening(settings: GatewaySettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    host = settings.host.strip("[]")
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, settings.http_port or 0))
        except OSError as error:
            raise InvalidSetting(
                "must be free, and gateway.host of this machine: cannot listen "
                f"at {settings.host}:{settings.http_port}",
                field="gateway.http_port",
            ) from error
        yield listener
    finally:
        listener.close()


def _address(settings: GatewaySettings, listener: socket.socket) -> str:
    host = settings.host.strip("[]")
    return f"[{host}]:{_port(listener)}" if ":" in host else f"{host}:{_port(listener)}"


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


class _InBackground(Server):
    """Leaves the process's signals to the gateway."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.serves = asyncio.Event()
        self._is_over = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serves.set()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        finally:
            self._is_over.set()

    async def stop(self) -> None:
        """Take no more, and end what is left."""
        self.should_exit = True
        await self._is_over.wait()
