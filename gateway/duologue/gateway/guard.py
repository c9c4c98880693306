"""What stands before every call: whose it is, whether its bytes are a message, how it may end.

It puts itself around the handlers that the services register, each in a handler whose answers are
of the same kind: gRPC takes that from the handler, and a refusal of another kind breaks the client.
Requests are read as streams of one. With a handler for a single request, gRPC would wait for it
before anything here runs: without a key and without a limit.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from duologue.errors import CapacityExceeded, DuologueError, InvalidInput
from duologue.gateway.allowance import Allowance
from duologue.gateway.errors import Refusal, TooLate, refusal_of, refuse
from duologue.gateway.keys import KeyRing, caller
from duologue.gateway.rights import require_right
from duologue.tenants import Tenant

_OURS = "/duologue.v1."
_MAX_KEYLESS_STREAMS = 16
"""Calls in both directions that need no key: questions to the reflection."""

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    Handler = grpc.RpcMethodHandler  # generic for type checkers only
OnRefusal = Callable[[str, Refusal], None]
"""on_refusal(tenant_id, refusal): a call ends so; of nobody, if no valid key came with it."""


class Guard(grpc.aio.ServerInterceptor):
    """For all services of ours; health and reflection need no key."""

    def __init__(
        self,
        keys: KeyRing,
        allowance: Allowance,
        *,
        unary_ms: int,
        on_refusal: OnRefusal = lambda _tenant_id, _refusal: None,
    ) -> None:
        self._keys = keys
        self._allowance = allowance
        self._unary_s = unary_ms / 1e3
        self._on_refusal = on_refusal
        self._num_keyless_streams = 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of a call, with the guard around it."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None:
            return None
        if not method.startswith(_OURS):
            return self._keyless(handler)
        if handler.request_streaming:
            assert handler.response_streaming, f"no kind of call that is known: {method}"
            return self._streaming(method, handler)
        return self._unary(method, handler)

    def _unary(self, method: str, handler: Handler) -> Handler:
        async def serve(data: AsyncIterator[bytes], context: Any) -> Any:
            async def work() -> Any:
                left_s = context.time_remaining()
                limit_s = self._unary_s if left_s is None else min(self._unary_s, left_s)
                try:
                    with self._allowance.call(caller().tenant_id):
                        async with asyncio.timeout(limit_s):
                            request = _parsed(handler, await _only(data))
                            return await handler.unary_unary(request, context)  # type: ignore[misc]
                except TimeoutError:
                    raise TooLate(f"the call was not done within {limit_s:g} s") from None

            return await self._guarded(method, context, work)

        return grpc.stream_unary_rpc_method_handler(
            serve, request_deserializer=None, response_serializer=handler.response_serializer
        )

    def _keyless(self, handler: Handler) -> Handler:
        if handler.request_streaming:
            return self._keyless_streaming(handler)

        async def request_of(data: AsyncIterator[bytes], context: Any) -> Any:
            try:
                async with asyncio.timeout(self._unary_s):
                    return _parsed(handler, await _only(data))
            except TimeoutError:
                await refuse(context, refusal_of(TooLate("request did not come in time")))
            except DuologueError as error:
                await refuse(context, refusal_of(error))

        async def answer(data: AsyncIterator[bytes], context: Any) -> Any:
            request = await request_of(data, context)
            return await handler.unary_unary(request, context)  # type: ignore[misc]

        async def stream(data: AsyncIterator[bytes], context: Any) -> None:
            request = await request_of(data, context)
            await handler.unary_stream(request, context)  # type: ignore[misc]

        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                stream, request_deserializer=None, response_serializer=handler.response_serializer
            )
        return grpc.stream_unary_rpc_method_handler(
            answer, request_deserializer=None, response_serializer=handler.response_serializer
        )

    def _keyless_streaming(self, handler: Handler) -> Handler:
        respond: Any = handler.stream_stream

        async def serve(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
            if self._num_keyless_streams >= _MAX_KEYLESS_STREAMS:
                error = CapacityExceeded("as many ask for this as may")
                await refuse(context, refusal_of(error))
            self._num_keyless_streams += 1
            try:
                async for each in respond(requests, context):
                    yield each
            finally:
                self._num_keyless_streams -= 1

        return grpc.stream_stream_rpc_method_handler(
            serve,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _streaming(self, method: str, handler: Handler) -> Handler:
        async def serve(data: AsyncIterator[bytes], context: Any) -> None:
            async def requests() -> AsyncIterator[Any]:
                async for each in data:
                    yield _parsed(handler, each)

            async def work() -> None:
                await handler.stream_stream(requests(), context)  # type: ignore[misc, arg-type]

            await self._guarded(method, context, work)

        return grpc.stream_stream_rpc_method_handler(
            serve, request_deserializer=None, response_serializer=handler.response_serializer
        )

    async def _guarded(self, method: str, context: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        tenant: Tenant | None = None
        try:
            grant = await self._keys.admit(context.invocation_metadata() or ())
            tenant = grant.tenant
            require_right(grant, method)
            return await work()
        except Exception as error:
            tenant_id = tenant.tenant_id if tenant is not None else ""
            is_operator = tenant is not None and tenant.is_operator
            refusal = refusal_of(error, tenant_id, for_operator=is_operator)
            self._on_refusal(tenant_id, refusal)
            await refuse(context, refusal)


async def _only(data: AsyncIterator[bytes]) -> bytes:
    async for each in data:
        return each
    raise InvalidInput("must be one message, and there was none", field="request")


def _parsed(handler: Handler, data: bytes) -> Any:
    assert handler.request_deserializer is not None
    try:
        return handler.request_deserializer(data)
    except DecodeError as error:
        raise InvalidInput(f"must be a message of this method: {error}", field="request") from None
