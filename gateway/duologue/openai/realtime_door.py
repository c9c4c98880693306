"""`/v1/realtime`: conversations over a WebSocket. It takes the same way as Converse."""

import asyncio
from collections.abc import Sequence

from starlette.websockets import WebSocket, WebSocketState

from duologue.errors import InvalidInput
from duologue.gateway.conversation import Conversing
from duologue.gateway.errors import TooLate
from duologue.gateway.streams import ClientStream
from duologue.grants import Grant
from duologue.openai.api_error import ApiError
from duologue.openai.door import PLATFORMS_OWN, Door, answer_of, credentials
from duologue.openai.names import Names
from duologue.openai.realtime_call import RealtimeCall
from duologue.openai.realtime_conversation import RealtimeConversation
from duologue.session_config import SessionConfig
from duologue.v1 import conversation_pb2 as pb

FIRST_WITHIN_S = 300.0
"""A connection over which nothing is said for so long ends."""
PROTOCOL = "realtime"
KEY_PROTOCOL = "openai-insecure-api-key."
"""What browsers name a key by, which can set no headers."""

_POLICY, _INTERNAL, _LATER = 1008, 1011, 1013


async def converse(door: Door, socket: WebSocket) -> None:
    """Holds one conversation; what cannot begin is refused before the socket opens."""
    protocols = socket.scope.get("subprotocols", [])
    metadata = credentials(socket.headers, _key(protocols))
    grant = None
    try:
        grant = await door.admit(metadata)
        door.require_right(grant)
        tenant = grant.tenant
        config = SessionConfig(model=await _model(door, socket))
        with (
            door.parts.streams.opened(tenant.tenant_id) as stream,
            door.parts.watcher.metrics.tenants.conversing(tenant.tenant_id),
        ):
            await socket.accept(PROTOCOL if PROTOCOL in protocols else None)
            conversation = RealtimeConversation(
                Names(door.parts.opener.random_text(9)),
                socket.query_params.get("model") or PLATFORMS_OWN,
                config,
                tenant.output_tokens_per_minute
                or door.parts.settings.sessions.default_output_tokens_per_minute,
            )
            call = RealtimeCall(socket, conversation, metadata)
            await _hold(door, call, stream, grant)
    except Exception as error:
        told = door.refused(error, grant)
        if socket.application_state is WebSocketState.CONNECTING:
            await socket.send_denial_response(answer_of(told))


async def _model(door: Door, socket: WebSocket) -> str | None:
    if socket.query_params.get("intent", "realtime") not in ("", "realtime"):
        raise InvalidInput("must be realtime: there is no audio to transcribe here", field="intent")
    return await door.model_named(socket.query_params.get("model"))


async def _hold(door: Door, call: RealtimeCall, stream: ClientStream, grant: Grant) -> None:
    """From the first event to the last; the socket is closed with it."""
    try:
        await call.open()
        first = await _first_requests(call, stream)
        if first:
            await door.parts.keys.check(call.invocation_metadata(), grant)
            await Conversing(door.parts, stream, grant).hold(call.requests(first), call)
        await call.close(1000)
    except Exception as error:
        told = door.refused(error, grant)
        await call.fail(told)
        await call.close(_close_code(told), told.code)
    finally:
        await call.done()
        await door.close(grant, call.session.session_id)


async def _first_requests(call: RealtimeCall, stream: ClientStream) -> Sequence[pb.ConverseRequest]:
    """What begins the session; nothing if the client leaves before.

    Raises what ends the stream, or TooLate.
    """

    async def tell() -> None:
        async for event in stream.events():
            await call.tell(event)

    async def read() -> Sequence[pb.ConverseRequest]:
        requests: Sequence[pb.ConverseRequest] = ()
        while not (requests or call.is_gone):
            requests = await call.next_requests()
        return requests

    told, first = asyncio.create_task(tell()), asyncio.create_task(read())
    try:
        done, _ = await asyncio.wait(
            {told, first}, timeout=FIRST_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
        )
        if first in done:
            return first.result()
        if told in done:
            told.result()
            return ()
        raise TooLate(f"nothing was said within {FIRST_WITHIN_S:g} s")
    finally:
        for task in (told, first):
            task.cancel()
        await asyncio.gather(told, first, return_exceptions=True)


def _key(protocols: Sequence[str]) -> str | None:
    found = [each for each in protocols if each.startswith(KEY_PROTOCOL)]
    return found[0].removeprefix(KEY_PROTOCOL) if found else None


def _close_code(error: ApiError) -> int:
    match error.status:
        case 429 | 503 | 504:
            return _LATER
        case 500:
            return _INTERNAL
        case _:
            return _POLICY
