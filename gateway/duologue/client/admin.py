"""What operators ask and do, with an operator's key. Answers are the messages of `admin.proto`."""

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.duration_pb2 import Duration

from duologue.client.calls import Calls
from duologue.v1 import admin_pb2 as pb
from duologue.v1 import conversation_pb2
from duologue.v1.admin_pb2_grpc import AdminServiceStub as Stub


class AdminClient:
    """`Client.admin`. Every call raises ClientError: PermissionDenied without an operator's key."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def capacity(self) -> pb.GetCapacityResponse:
        """How much room there is."""
        return await self._calls.call(lambda c: Stub(c).GetCapacity, pb.GetCapacityRequest())

    async def nodes(self) -> pb.ListNodesResponse:
        """Nodes and batching actors, with their load."""
        return await self._calls.call(lambda c: Stub(c).ListNodes, pb.ListNodesRequest())

    async def drain_node(self, node_id: str, grace_s: float | None = None) -> int:
        """Let a node take no new sessions and move those it has; how many it still holds."""
        grace = None if grace_s is None else Duration()
        if grace is not None and grace_s is not None:
            grace.FromNanoseconds(round(grace_s * 1e9))
        request = pb.DrainNodeRequest(node_id=node_id, grace=grace)
        return (await self._calls.call(lambda c: Stub(c).DrainNode, request)).sessions

    async def tenants(self) -> Sequence[pb.Tenant]:
        """All tenants, by name."""
        request = pb.ListTenantsRequest()
        return (await self._calls.call(lambda c: Stub(c).ListTenants, request)).tenants

    async def put_tenant(self, tenant: pb.Tenant) -> pb.Tenant:
        """Make or change a tenant; it is given back as it is then."""
        request = pb.PutTenantRequest(tenant=tenant)
        return (await self._calls.call(lambda c: Stub(c).PutTenant, request)).tenant

    async def delete_tenant(self, tenant_id: str) -> None:
        """Remove a tenant and its keys."""
        request = pb.DeleteTenantRequest(tenant_id=tenant_id)
        await self._calls.call(lambda c: Stub(c).DeleteTenant, request)

    async def create_key(
        self, tenant_id: str, scopes: Sequence[str] = (), expires_in_s: float | None = None
    ) -> tuple[str, str]:
        """A new API key: what names it, and the key itself, which is shown this once.

        Without `scopes` it may do all that its tenant may; without `expires_in_s` it stays.
        """
        request = pb.CreateKeyRequest(tenant_id=tenant_id, scopes=scopes)
        if expires_in_s is not None:
            request.expires_in.FromNanoseconds(round(expires_in_s * 1e9))
        made = await self._calls.call(lambda c: Stub(c).CreateKey, request)
        return made.key_id, made.key

    async def revoke_key(self, key_id: str) -> None:
        """Take an API key back."""
        request = pb.RevokeKeyRequest(key_id=key_id)
        await self._calls.call(lambda c: Stub(c).RevokeKey, request)

    async def usage(
        self, tenant_id: str = "", since: datetime | None = None
    ) -> list[pb.DailyUsage]:
        """What tenants used, by tenant and day: all of them or one, from the day of a time on (in
        UTC), or of the last 30 days."""
        found: list[pb.DailyUsage] = []
        request = pb.GetUsageRequest(tenant_id=tenant_id)
        if since is not None:
            request.since.FromDatetime(since)
        while True:
            page = await self._calls.call(lambda c: Stub(c).GetUsage, request)
            found += page.days
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return found

    async def all_sessions(
        self, tenant_id: str = "", max_sessions: int = 1_000
    ) -> list[conversation_pb2.Session]:
        """Sessions of all tenants or of one, newest first."""
        found: list[conversation_pb2.Session] = []
        token = ""
        while len(found) < max_sessions:
            size = min(1_000, max_sessions - len(found))
            request = pb.ListAllSessionsRequest(
                tenant_id=tenant_id, page_size=size, page_token=token
            )
            page = await self._calls.call(lambda c: Stub(c).ListAllSessions, request)
            found += page.sessions
            token = page.next_page_token
            if not token:
                break
        return found
