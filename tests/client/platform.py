"""A small platform of sessions and tenants on a real port, served by threads.

So commands, which run an event loop of their own, can be run in the test's own thread.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from duologue.scopes import ALL_SCOPES
from duologue.v1 import admin_pb2 as admin
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2 as ev
from duologue.v1.admin_pb2_grpc import add_AdminServiceServicer_to_server
from duologue.v1.conversation_pb2_grpc import add_ConversationServiceServicer_to_server

OPERATOR = "duo_op_secret"
USER = "duo_user_secret"


class SmallPlatform:
    """Answers unary calls from what it holds in memory."""

    def __init__(self) -> None:
        self.tenants = {"dev": admin.Tenant(tenant_id="dev", is_operator=True, key_ids=["op"])}
        self.usage_since = 0
        self.sessions = [_session(f"ses_{n}", "dev" if n % 2 else "acme") for n in range(5)]

    def __getattr__(self, name: str) -> Callable[[Any, grpc.ServicerContext], Any]:
        return lambda request, context: self._answer(name, request, context)

    def _answer(self, name: str, request: Any, context: grpc.ServicerContext) -> Any:
        key = str(dict(context.invocation_metadata()).get("authorization")).removeprefix("Bearer ")
        if key not in (OPERATOR, USER):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the API key is not valid")
        if hasattr(admin, f"{name}Request") and key != OPERATOR:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "this needs an operator's key")
        return getattr(self, f"_{_snake(name)}")(request, context)

    def _get_capacity(self, request: Any, context: Any) -> admin.GetCapacityResponse:
        return admin.GetCapacityResponse(
            live_sessions=3, max_sessions=64, queued_sessions=2, admits=True
        )

    def _list_nodes(self, request: Any, context: Any) -> admin.ListNodesResponse:
        node = admin.Node(
            node_id="n1", address="10.0.0.1:9", sessions=3, max_sessions=64, is_draining=True
        )
        batcher = admin.Batcher(
            batcher_id="b1", sessions=3, max_sessions=64, shedding="look_ahead", model="small[1]"
        )
        batcher.late_tick_share = 0.125
        batcher.tick_ms, batcher.longest_tick_ms, batcher.deadline_ms = 61.25, 97.25, 160.0
        batcher.rows_per_forward, batcher.held_cells, batcher.max_cells = 8.5, 640, 4_096
        return admin.ListNodesResponse(nodes=[node], batchers=[batcher])

    def _list_sessions(self, request: Any, context: Any) -> pb.ListSessionsResponse:
        found, token = self._page([s for s in self.sessions if s.tenant_id == "dev"], request)
        return pb.ListSessionsResponse(sessions=found, next_page_token=token)

    def _list_all_sessions(self, request: Any, context: Any) -> admin.ListAllSessionsResponse:
        tenant = request.tenant_id
        found = [s for s in self.sessions if not tenant or s.tenant_id == tenant]
        found, token = self._page(found, request)
        return admin.ListAllSessionsResponse(sessions=found, next_page_token=token)

    def _page(self, found: list[pb.Session], request: Any) -> tuple[list[pb.Session], str]:
        """Two at a time, however many are asked for."""
        begin = int(request.page_token or 0)
        end = begin + min(2, request.page_size)
        return found[begin:end], str(end) if end < len(found) else ""

    def _get_transcript(self, request: Any, context: Any) -> pb.GetTranscriptResponse:
        if request.session_id != "ses_1":
            _abort(context, grpc.StatusCode.NOT_FOUND, "UNKNOWN_SESSION", "no such session")
        said = pb.TranscriptEntry(role=pb.ROLE_USER, text="Hello [there]", outcome="answered")
        reply = pb.TranscriptEntry(role=pb.ROLE_ASSISTANT, text="Hi!", outcome="cut", response_id=1)
        return pb.GetTranscriptResponse(entries=[said, reply])

    def _list_tenants(self, request: Any, context: Any) -> admin.ListTenantsResponse:
        return admin.ListTenantsResponse(tenants=self.tenants.values())

    def _put_tenant(self, request: Any, context: Any) -> admin.PutTenantResponse:
        tenant = request.tenant
        before = self.tenants.get(tenant.tenant_id)
        tenant.key_ids.extend(before.key_ids if before else ())
        self.tenants[tenant.tenant_id] = tenant
        return admin.PutTenantResponse(tenant=tenant)

    def _delete_tenant(self, request: Any, context: Any) -> admin.DeleteTenantResponse:
        if self.tenants.pop(request.tenant_id, None) is None:
            _abort(context, grpc.StatusCode.NOT_FOUND, "UNKNOWN_TENANT", "no such tenant")
        return admin.DeleteTenantResponse()

    def _create_key(self, request: Any, context: Any) -> admin.CreateKeyResponse:
        tenant = self.tenants[request.tenant_id]
        tenant.key_ids.append("k1")
        key = tenant.keys.add(key_id="k1", scopes=request.scopes or sorted(ALL_SCOPES))
        if request.HasField("expires_in"):
            key.expires_at.FromSeconds(1_800_000_000 + request.expires_in.seconds)
        return admin.CreateKeyResponse(key_id="k1", key="duo_k1_secret")

    def _get_usage(self, request: Any, context: Any) -> admin.GetUsageResponse:
        self.usage_since = request.since.seconds
        names = [request.tenant_id] if request.tenant_id else sorted(self.tenants)
        begin = int(request.page_token or 0)
        used = ev.Usage(input_tokens=3, output_tokens=40, slices=5, discarded_tokens=6)
        day = admin.DailyUsage(tenant_id=names[begin], day="2026-11-28", sessions=2, usage=used)
        is_last = begin + 1 == len(names)
        return admin.GetUsageResponse(days=[day], next_page_token="" if is_last else str(begin + 1))

    def _revoke_key(self, request: Any, context: Any) -> admin.RevokeKeyResponse:
        for tenant in self.tenants.values():
            if request.key_id in tenant.key_ids:
                tenant.key_ids.remove(request.key_id)
        return admin.RevokeKeyResponse()


def _session(session_id: str, tenant_id: str) -> pb.Session:
    return pb.Session(
        session_id=session_id,
        tenant_id=tenant_id,
        status=pb.SESSION_STATUS_ASLEEP,
        created_at=Timestamp(seconds=1_700_000_000),
        usage=ev.Usage(input_tokens=12, output_tokens=34, discarded_tokens=56),
    )


def _abort(context: Any, code: grpc.StatusCode, reason: str, message: str) -> None:
    packed = AnyMessage()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="duologue"))
    status = status_pb2.Status(code=code.value[0], message=message, details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).strip("_")


@contextmanager
def small_platform() -> Iterator[tuple[SmallPlatform, str]]:
    """The platform on a free port, and its address."""
    platform = SmallPlatform()
    server = grpc.server(ThreadPoolExecutor(2))
    add_ConversationServiceServicer_to_server(platform, server)  # type: ignore[arg-type]
    add_AdminServiceServicer_to_server(platform, server)  # type: ignore[arg-type]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield platform, f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
