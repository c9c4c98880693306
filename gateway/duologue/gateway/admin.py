"""AdminService: what operators ask and do."""

from datetime import date
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from duologue.errors import InvalidInput
from duologue.gateway.binding import Binder
from duologue.gateway.channels import Channels
from duologue.gateway.records import (
    batcher_to_pb,
    day_to_pb,
    listed_to_pb,
    node_to_pb,
    tenant_from_pb,
    tenant_to_pb,
)
from duologue.scopes import ALL_SCOPES, scopes_named
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.tenants import check_tenant_id
from duologue.v1 import admin_pb2 as pb
from duologue.v1 import node_pb2
from duologue.v1.admin_pb2_grpc import AdminServiceServicer
from duologue.v1.node_pb2_grpc import NodeServiceStub

_GRACE_MS = 30_000
_TENANTS_A_PAGE, _MAX_TENANTS = 100, 1_000


class AdminServicer(AdminServiceServicer):
    """Behind the guard, which lets only operators in."""

    def __init__(
        self, settings: Settings, store: Store, binder: Binder, channels: Channels
    ) -> None:
        self._settings = settings
        self._store = store
        self._binder = binder
        self._channels = channels

    async def GetCapacity(
        self, request: pb.GetCapacityRequest, context: Any
    ) -> pb.GetCapacityResponse:
        """Tells how much room there is."""
        capacity = await self._store.capacity()
        return pb.GetCapacityResponse(
            live_sessions=capacity.live_sessions,
            max_sessions=capacity.max_sessions,
            queued_sessions=self._binder.num_waiting,
            admits=capacity.admits,
        )

    async def ListNodes(self, request: pb.ListNodesRequest, context: Any) -> pb.ListNodesResponse:
        """Lists nodes and batching actors with their load."""
        nodes, batchers = await self._store.nodes(), await self._store.batchers_with_figures()
        return pb.ListNodesResponse(
            nodes=map(node_to_pb, nodes), batchers=map(batcher_to_pb, batchers)
        )

    async def DrainNode(self, request: pb.DrainNodeRequest, context: Any) -> pb.DrainNodeResponse:
        """Lets a node take no new sessions, and moves those that it has.

        The mark in the store holds also when the node does not answer now: it reads it itself.
        """
        has_grace = request.HasField("grace")
        grace_ms = request.grace.ToMilliseconds() if has_grace else _GRACE_MS
        if grace_ms < 0:
            raise InvalidInput(f"must be 0 or more, not {grace_ms} ms", field="grace")
        node = await self._store.mark_draining(request.node_id)
        drain = node_pb2.DrainRequest()
        drain.grace.FromMilliseconds(grace_ms)
        async with self._channels.use(node.address) as channel:
            try:
                within_s = self._settings.gateway.unary_ms / 2e3
                answer = await NodeServiceStub(channel).Drain(drain, timeout=within_s)
            except grpc.aio.AioRpcError:
                return pb.DrainNodeResponse(sessions=node.sessions)
        return pb.DrainNodeResponse(sessions=answer.sessions)

    async def ListTenants(
        self, request: pb.ListTenantsRequest, context: Any
    ) -> pb.ListTenantsResponse:
        """Lists the tenants."""
        tenants = await self._store.tenants()
        terms = await self._store.key_terms([name for each in tenants for name in each.key_ids])
        return pb.ListTenantsResponse(tenants=[tenant_to_pb(each, terms) for each in tenants])

    async def PutTenant(self, request: pb.PutTenantRequest, context: Any) -> pb.PutTenantResponse:
        """Makes or changes a tenant."""
        if not request.HasField("tenant"):
            raise InvalidInput("must be set", field="tenant")
        tenant = await self._store.put_tenant(tenant_from_pb(request.tenant))
        return pb.PutTenantResponse(tenant=tenant_to_pb(tenant))

    async def DeleteTenant(
        self, request: pb.DeleteTenantRequest, context: Any
    ) -> pb.DeleteTenantResponse:
        """Removes a tenant and its keys."""
        await self._store.delete_tenant(check_tenant_id(request.tenant_id))
        return pb.DeleteTenantResponse()

    async def CreateKey(self, request: pb.CreateKeyRequest, context: Any) -> pb.CreateKeyResponse:
        """Makes an API key."""
        tenant_id = check_tenant_id(request.tenant_id)
        scopes = scopes_named(request.scopes) or ALL_SCOPES
        has_end = request.HasField("expires_in")
        expires_in_ms = request.expires_in.ToMilliseconds() if has_end else None
        new = await self._store.create_key(tenant_id, scopes, expires_in_ms)
        response = pb.CreateKeyResponse(key_id=new.key_id, key=new.key)
        if new.expires_ms is not None:
            response.expires_at.FromMilliseconds(new.expires_ms)
        return response

    async def RevokeKey(self, request: pb.RevokeKeyRequest, context: Any) -> pb.RevokeKeyResponse:
        """Takes an API key back."""
        if not request.key_id:
            raise InvalidInput("must be set", field="key_id")
        await self._store.revoke_key(request.key_id)
        return pb.RevokeKeyResponse()

    async def ListAllSessions(
        self, request: pb.ListAllSessionsRequest, context: Any
    ) -> pb.ListAllSessionsResponse:
        """Lists sessions of all tenants, or of one."""
        tenant_id = check_tenant_id(request.tenant_id) if request.tenant_id else None
        page = await self._store.list_sessions(tenant_id, request.page_size, request.page_token)
        sessions = [listed_to_pb(each, self._settings.store) for each in page.sessions]
        return pb.ListAllSessionsResponse(sessions=sessions, next_page_token=page.next_page_token)

    async def GetUsage(self, request: pb.GetUsageRequest, context: Any) -> pb.GetUsageResponse:
        """Tells what tenants used, by day."""
        if not 0 <= request.page_size <= _MAX_TENANTS:
            raise InvalidInput(
                f"must be from 0 to {_MAX_TENANTS}, not {request.page_size}", field="page_size"
            )
        since = _day(request.since) if request.HasField("since") else None
        if request.tenant_id:
            tenant = await self._store.require_tenant(check_tenant_id(request.tenant_id))
            found = [tenant.tenant_id]
        else:
            found = [each.tenant_id for each in await self._store.tenants()]
        behind = [name for name in found if name > request.page_token]
        page = behind[: request.page_size or _TENANTS_A_PAGE]
        days = await self._store.usage_by_day(page, since)
        next_page = page[-1] if len(behind) > len(page) else ""
        return pb.GetUsageResponse(days=map(day_to_pb, days), next_page_token=next_page)


def _day(stamp: Timestamp) -> date:
    try:
        return stamp.ToDatetime().date()
    except (ValueError, OverflowError) as error:
        raise InvalidInput("must be a time", field="since") from error
